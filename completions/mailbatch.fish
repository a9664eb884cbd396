# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mailbatch_global_optspecs
    string join \n C/directory= c/config= json q/quiet v/verbose h/help V/version
end

function __fish_mailbatch_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mailbatch_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mailbatch_using_subcommand
    set -l cmd (__fish_mailbatch_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mailbatch -n "__fish_mailbatch_needs_command" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_needs_command" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_needs_command" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -s V -l version -d 'Print version'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "send" -d 'Check a list and send to it; repeat the same command to continue an interrupted run'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "check" -d 'Find everything that `send` would refuse, without sending; write bad rows to LIST.rejected.csv'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "preview" -d 'Show the message as a recipient gets it'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "resume" -d 'Continue a run from the ledger alone, without reading its list again'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "retry" -d 'Send again to the deferred recipients of a run'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "reconcile" -d 'Resolve recipients whose outcome is unknown; sends nothing unless --replay'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "pause" -d 'Stop all runs in this workspace, or those selected by a flag, until `unpause` (exit 12)'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "unpause" -d 'End a pause; select it with the same flag as in `pause`'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "status" -d 'Show the state of a run: its progress, why it stopped, outcomes so far, and what to do next'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "wait" -d 'Wait until a run ends, then exit with its exit code'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "runs" -d 'List runs, show one, or remove one'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "report" -d 'Write a report: the outcome of each recipient of a run'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "why" -d 'Show every decision about one recipient of a run, oldest first'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "who" -d 'Show everything recorded about an address in all runs: messages, outcomes, bounces, complaints and suppressions; newest first'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "suppress" -d 'Manage the suppression list: addresses and domains that must not be mailed'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "provider" -d 'Show and test the configured providers; no mail is sent'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "listen" -d 'Receive provider events and one-click unsubscribes over HTTP, until SIGTERM or Ctrl-C'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "events" -d 'Read feedback about sent mail (bounces, complaints, ...) and list it'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "config" -d 'Create, check and show the configuration'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "man" -d 'Write the man pages, including the guides, into a directory'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "help" -d 'Print a guide, such as `help runbook`, or a command\'s help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l email-column -l email -d 'The column with the address' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l format -d 'The list\'s format, if its name and content do not show it' -r -f -a "csv\t''
tsv\t''
json\t'A JSON array of objects'
ndjson\t'One JSON object per line'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l encoding -d 'The list\'s character encoding, if detection is not certain: utf-8, utf-16le, windows-1252' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l delimiter -d 'The delimiter of a CSV list, if detection is not certain: one character, or tab' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l skip-lines -d 'The number of lines before the header of a CSV list' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l where -d 'Only rows that match this expression, such as "country == \'FI\'"' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l dedupe -d 'Which addresses count as the same recipient: ci (ignoring case), exact, off' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l max-invalid -d 'Refuse the list if more than this share of rows is invalid; rows without an address count only if the list seems damaged (see `mailbatch help lists`)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l max-empty -d 'Refuse the list if more than this share of rows has an empty address' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l expect-count -d 'Refuse the list unless it has this many rows: 50000, 50000±2%, 50000+-2pct' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l suppress -d 'Another suppression file, in addition to those of the configuration (repeatable)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l message -d 'The message file: .md, .html, .mjml or .txt' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l from -d 'The From header' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l subject -d 'The subject (a template)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l campaign -d 'The campaign\'s name; {date}, {week} and {month} are replaced' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l provider -d 'The provider\'s name under [providers]' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l canary -d 'Send to a small part first, judge the result, then send the rest: 5%, 5pct, or a number' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l limit -d 'Send to at most N recipients; hold the others' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l redirect-all-to -d 'Send every message to this address instead of its recipient' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l then -d 'What to do after the canary passes (default: ask on a terminal, continue elsewhere)' -r -f -a "ask\t'Ask on a terminal; elsewhere wait for `resume --continue` (exit 13)'
continue\t'Send the rest'
stop\t'Wait for `resume --continue` (exit 13)'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l canary-wait -d 'How long to wait for bounces and complaints about the canary before sending the rest (default: 15m if the provider reports bounces)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l canary-extend -d 'Add recipients to a canary without a clear result, up to this share or number (25%)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l rate -d 'Send at most at this rate, if lower than the configured one: 50/s, 3000/min, 500/hour' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l on-cap -d 'What to do when an hourly or daily cap is reached' -r -f -a "stop\t'Stop with exit 8 (the default)'
wait\t'Wait until the cap allows more'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l on-unknown -d 'What to do with recipients whose outcome is unknown after an earlier attempt' -r -f -a "keep\t'Leave them unknown (the default)'
retry\t'Send to them again, at the risk of mailing a recipient twice'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l report -d 'Also write the report to FILE; the suffix sets the format: csv, ndjson, json, html, xml, md (repeatable)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere (the default)'
bar\t''
plain\t''
json\t'NDJSON on standard output'
none\t''"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l stats -d 'How often to write a plain progress line' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l fail-on -d 'Exit 3 if any recipient has one of these outcomes, such as unknown,suppressed' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l error-on -d 'Treat these outcomes, and only these, as failures in the exit code and in CI reports (default: rejected, deferred, unknown, held)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l fail-over -d 'Tolerate rejections of up to this share of the attempted recipients; more give exit 3' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l wait-lock -d 'Wait this long for another run of the campaign to end (default: exit 11 at once)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l skip-unrendered -d 'Skip rows whose message cannot be rendered, instead of refusing the list'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l dry-run -d 'Check and plan everything and show what a send would do, without sending'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l accept-changes -d 'Send a changed message under the same campaign'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l again -d 'Send even if most recipients got this message under another campaign'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l provider-sandbox -d 'Use the provider\'s own sandbox or test mode, so that no recipient gets mail; refused if the provider has none'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l ledger-lost -d 'Use when the ledger is lost: rebuild it from the reports of earlier runs, so that their recipients are not mailed again'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l error-on-empty -d 'Exit 9 if there is no recipient to send to'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l listen -d 'Receive events and unsubscribes over HTTP during the run, as `listen` does'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l allow-example -d 'Allow From, links and unsubscribe URLs under reserved names such as example.com'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l allow-no-unsubscribe -d 'Allow marketing mail without a per-recipient unsubscribe link'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l spreadsheet-safe -d 'In CSV reports, put \' before cells that a spreadsheet would run as a formula'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -s y -l yes -d 'Do not ask for confirmation'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l no-learn -d 'Do not add hard bounces or the provider\'s suppressions to the suppression list'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l email-column -l email -d 'The column with the address' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l format -d 'The list\'s format, if its name and content do not show it' -r -f -a "csv\t''
tsv\t''
json\t'A JSON array of objects'
ndjson\t'One JSON object per line'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l encoding -d 'The list\'s character encoding, if detection is not certain: utf-8, utf-16le, windows-1252' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l delimiter -d 'The delimiter of a CSV list, if detection is not certain: one character, or tab' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l skip-lines -d 'The number of lines before the header of a CSV list' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l where -d 'Only rows that match this expression, such as "country == \'FI\'"' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l dedupe -d 'Which addresses count as the same recipient: ci (ignoring case), exact, off' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l max-invalid -d 'Refuse the list if more than this share of rows is invalid; rows without an address count only if the list seems damaged (see `mailbatch help lists`)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l max-empty -d 'Refuse the list if more than this share of rows has an empty address' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l expect-count -d 'Refuse the list unless it has this many rows: 50000, 50000±2%, 50000+-2pct' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l suppress -d 'Another suppression file, in addition to those of the configuration (repeatable)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l message -d 'The message file: .md, .html, .mjml or .txt' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l from -d 'The From header' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l subject -d 'The subject (a template)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l campaign -d 'The campaign\'s name; {date}, {week} and {month} are replaced' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l provider -d 'The provider\'s name under [providers]' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l rejected -d 'Write the bad rows of all lists to FILE (default: LIST.rejected.csv next to each list)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l skip-unrendered -d 'Skip rows whose message cannot be rendered, instead of refusing the list'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l allow-example -d 'Allow From, links and unsubscribe URLs under reserved names such as example.com'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l allow-no-unsubscribe -d 'Allow marketing mail without a per-recipient unsubscribe link'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l spreadsheet-safe -d 'Put \' before cells that a spreadsheet would run as a formula'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l row -d 'Show the recipient in row N, counted from 1 (default: the first row whose message renders)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l email -d 'Show the recipient with this address (--email-column names the column)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l sample -d 'Show N recipients, spread evenly over the list' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l out -d 'Write .eml files into DIR' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l email-column -d 'The column with the address' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l dedupe -d 'Which addresses count as the same recipient: ci (ignoring case), exact, off' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l suppress -d 'Another suppression file, in addition to those of the configuration (repeatable)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l format -d 'The list\'s format, if its name and content do not show it' -r -f -a "csv\t''
tsv\t''
json\t'A JSON array of objects'
ndjson\t'One JSON object per line'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l encoding -d 'The list\'s character encoding, if detection is not certain: utf-8, utf-16le, windows-1252' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l delimiter -d 'The delimiter of a CSV list, if detection is not certain: one character, or tab' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l skip-lines -d 'The number of lines before the header of a CSV list' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l where -d 'Only rows that match this expression, such as "country == \'FI\'"' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l message -d 'The message file: .md, .html, .mjml or .txt' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l from -d 'The From header' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l subject -d 'The subject (a template)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l campaign -d 'The campaign\'s name; {date}, {week} and {month} are replaced' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l provider -d 'The provider\'s name under [providers]' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l worst -d 'Show the recipient with the longest message'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l open -d 'Open the message in the system\'s program for .eml files'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l error-on-empty -d 'Exit 9 if `send` would mail none of the recipients shown'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l then -d 'What to do after the canary passes (default: ask on a terminal, continue elsewhere)' -r -f -a "ask\t'Ask on a terminal; elsewhere wait for `resume --continue` (exit 13)'
continue\t'Send the rest'
stop\t'Wait for `resume --continue` (exit 13)'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l canary-wait -d 'How long to wait for bounces and complaints about the canary before sending the rest (default: 15m if the provider reports bounces)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l canary-extend -d 'Add recipients to a canary without a clear result, up to this share or number (25%)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l rate -d 'Send at most at this rate, if lower than the configured one: 50/s, 3000/min, 500/hour' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l on-cap -d 'What to do when an hourly or daily cap is reached' -r -f -a "stop\t'Stop with exit 8 (the default)'
wait\t'Wait until the cap allows more'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l on-unknown -d 'What to do with recipients whose outcome is unknown after an earlier attempt' -r -f -a "keep\t'Leave them unknown (the default)'
retry\t'Send to them again, at the risk of mailing a recipient twice'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l report -d 'Also write the report to FILE; the suffix sets the format: csv, ndjson, json, html, xml, md (repeatable)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere (the default)'
bar\t''
plain\t''
json\t'NDJSON on standard output'
none\t''"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l stats -d 'How often to write a plain progress line' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l fail-on -d 'Exit 3 if any recipient has one of these outcomes, such as unknown,suppressed' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l error-on -d 'Treat these outcomes, and only these, as failures in the exit code and in CI reports (default: rejected, deferred, unknown, held)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l fail-over -d 'Tolerate rejections of up to this share of the attempted recipients; more give exit 3' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l wait-lock -d 'Wait this long for another run of the campaign to end (default: exit 11 at once)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l continue -d 'Send the rest although the canary failed or waits for a decision'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l abandon -d 'Close the run without sending the rest; those recipients keep the outcome `held`'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l as-planned -d 'Continue with the message and rows as planned; ignore changed files'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l accept-changes -d 'Plan the remaining recipients again, with the current message, list and configuration'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l listen -d 'Receive events and unsubscribes over HTTP during the run, as `listen` does'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l allow-example -d 'Allow From, links and unsubscribe URLs under reserved names such as example.com'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l allow-no-unsubscribe -d 'Allow marketing mail without a per-recipient unsubscribe link'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l spreadsheet-safe -d 'In CSV reports, put \' before cells that a spreadsheet would run as a formula'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -s y -l yes -d 'Do not ask for confirmation'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l no-learn -d 'Do not add hard bounces or the provider\'s suppressions to the suppression list'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l only -d 'Which outcomes to send again: rejected, deferred, held' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l then -d 'What to do after the canary passes (default: ask on a terminal, continue elsewhere)' -r -f -a "ask\t'Ask on a terminal; elsewhere wait for `resume --continue` (exit 13)'
continue\t'Send the rest'
stop\t'Wait for `resume --continue` (exit 13)'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l canary-wait -d 'How long to wait for bounces and complaints about the canary before sending the rest (default: 15m if the provider reports bounces)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l canary-extend -d 'Add recipients to a canary without a clear result, up to this share or number (25%)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l rate -d 'Send at most at this rate, if lower than the configured one: 50/s, 3000/min, 500/hour' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l on-cap -d 'What to do when an hourly or daily cap is reached' -r -f -a "stop\t'Stop with exit 8 (the default)'
wait\t'Wait until the cap allows more'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l on-unknown -d 'What to do with recipients whose outcome is unknown after an earlier attempt' -r -f -a "keep\t'Leave them unknown (the default)'
retry\t'Send to them again, at the risk of mailing a recipient twice'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l report -d 'Also write the report to FILE; the suffix sets the format: csv, ndjson, json, html, xml, md (repeatable)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere (the default)'
bar\t''
plain\t''
json\t'NDJSON on standard output'
none\t''"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l stats -d 'How often to write a plain progress line' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l fail-on -d 'Exit 3 if any recipient has one of these outcomes, such as unknown,suppressed' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l error-on -d 'Treat these outcomes, and only these, as failures in the exit code and in CI reports (default: rejected, deferred, unknown, held)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l fail-over -d 'Tolerate rejections of up to this share of the attempted recipients; more give exit 3' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l wait-lock -d 'Wait this long for another run of the campaign to end (default: exit 11 at once)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l as-planned -d 'Continue with the message and rows as planned; ignore changed files'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l accept-changes -d 'Plan the remaining recipients again, with the current message, list and configuration'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l listen -d 'Receive events and unsubscribes over HTTP during the run, as `listen` does'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l allow-example -d 'Allow From, links and unsubscribe URLs under reserved names such as example.com'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l allow-no-unsubscribe -d 'Allow marketing mail without a per-recipient unsubscribe link'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l spreadsheet-safe -d 'In CSV reports, put \' before cells that a spreadsheet would run as a formula'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -s y -l yes -d 'Do not ask for confirmation'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l no-learn -d 'Do not add hard bounces or the provider\'s suppressions to the suppression list'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -l assume -d 'Set the outcome of all remaining recipients, or of each EMAIL; the decision is recorded' -r -f -a "taken\t'Accepted: not sent again'
not-taken\t'Deferred: sent again by `retry`'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -l replay -d 'Repeat requests whose outcome is unknown, with the same idempotency key; recipients that the provider had not accepted then get the message'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l campaign -d 'Only runs of this campaign, current and future; {date}, {week} and {month} are replaced' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l kind -d 'Only mail of this kind: marketing, transactional' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l provider -d 'Only mail through this provider (its name under [providers])' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l reason -d 'The reason, shown by every command that the pause stops' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l for -d 'End the pause automatically after this time: 30m, 2h' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l timeout -d 'Stop waiting after this time with exit 10; the pause remains' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l wait -d 'Wait until the affected runs have stopped, then print the recipients\' outcomes'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -l campaign -d 'Only runs of this campaign, current and future; {date}, {week} and {month} are replaced' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -l kind -d 'Only mail of this kind: marketing, transactional' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -l provider -d 'Only mail through this provider (its name under [providers])' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -l open -d 'List unfinished runs and the pauses in force; exit 1 if any run is unfinished, else 0'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -l follow -d 'Print the state again at each change, until the run ends'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand wait" -l timeout -d 'Stop waiting after this time, with exit 10' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand wait" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand wait" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand wait" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand wait" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand wait" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand wait" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -f -a "list" -d 'List every run, newest first (the default)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -f -a "show" -d 'Show one run'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -f -a "rm" -d 'Remove a run\'s rows; recipients whose mail was accepted are remembered, so later runs of the campaign do not mail them again'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from list" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from list" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from list" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from show" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from show" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from show" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from rm" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from rm" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from rm" -s y -l yes -d 'Do not ask for confirmation'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from rm" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from rm" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "list" -d 'List every run, newest first (the default)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one run'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "rm" -d 'Remove a run\'s rows; recipients whose mail was accepted are remembered, so later runs of the campaign do not mail them again'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -l trend -d 'Show rejections, bounces, complaints and unsubscribes of all runs by week, provider and receiving domain, over this time: 8w' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -l format -d 'The report\'s format (default: by the suffix of the -o file, else table)' -r -f -a "table\t''
csv\t''
ndjson\t''
json\t''
html\t''
junit\t''
md\t''"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -l outcome -d 'Only recipients with these outcomes, such as rejected,unknown' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -l domain -d 'Only recipients at these receiving domains' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -l since -d 'Only recipients last attempted since this time: 24h, 2027-01-31' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -s o -l output -d 'Write to FILE instead of standard output' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -l spreadsheet-safe -d 'Put \' before cells that a spreadsheet would run as a formula'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand why" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand why" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand why" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand why" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand why" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand why" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand who" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand who" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand who" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand who" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand who" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand who" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "add" -d 'Suppress addresses, domains (@example.org) or hashed addresses (sha256:HEX)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "remove" -d 'End suppressions; your user name is recorded'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "check" -d 'Check whether an address is suppressed: exit 0 if it is, 9 if not'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "list" -d 'List all suppressions in force'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "import" -d 'Add all entries of a file'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "export" -d 'Export all suppressions in force as CSV or NDJSON'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "sync" -d 'Copy suppressions between this workspace and a provider, in both directions; entries are only added, never removed'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "diff" -d 'Print the suppressions that only this workspace or only the provider has'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -l reason -d 'The reason: hard_bounce, complaint, unsubscribe or manual' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -l scope -d 'Which mail to stop (default: marketing for an unsubscribe, else all)' -r -f -a "all\t'All mail'
marketing\t'Marketing only'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -l note -d 'A note to store with the entry' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -l expires -d 'End the suppression at this time: 2027-01-31 or 2027-01-31T09:00:00Z' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -l file -d 'The suppression file to add to (default: the first one of the configuration)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from remove" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from remove" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from remove" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from remove" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from check" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from check" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from check" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from check" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from list" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from list" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from list" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from list" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l preset -d 'The service whose suppression export the file is' -r -f -a "hubspot\t''
mailchimp\t''
sendgrid\t''
ses\t''"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l reason -d 'The reason for entries without one: hard_bounce, complaint, unsubscribe or manual' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l column -d 'The column with the addresses, if mailbatch cannot detect it' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l encoding -d 'The file\'s character encoding, if detection is not certain: utf-8, utf-16le, windows-1252' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l delimiter -d 'The file\'s delimiter, if detection is not certain: one character, or tab' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l skip-lines -d 'The number of lines before the file\'s header' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -s o -l output -d 'Write to FILE instead of standard output' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -l format -r -f -a "csv\t''
ndjson\t''"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -l pull -d 'Only copy the provider\'s suppressions to the first suppression file and the ledger'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -l push -d 'Only copy suppressions of this workspace to the provider, as far as its API accepts them'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -l dry-run -d 'Change nothing; print what would change'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from diff" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from diff" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from diff" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from diff" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "add" -d 'Suppress addresses, domains (@example.org) or hashed addresses (sha256:HEX)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "remove" -d 'End suppressions; your user name is recorded'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check whether an address is suppressed: exit 0 if it is, 9 if not'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "list" -d 'List all suppressions in force'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "import" -d 'Add all entries of a file'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "export" -d 'Export all suppressions in force as CSV or NDJSON'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "sync" -d 'Copy suppressions between this workspace and a provider, in both directions; entries are only added, never removed'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Print the suppressions that only this workspace or only the provider has'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -f -a "list" -d 'List the providers: kind, limits, and whether their secrets can be read'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -f -a "show" -d 'Show a provider\'s features, request sizes and how its replies are read'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -f -a "test" -d 'Ask a provider whether it would accept mail (credentials, sender, quota, age of the key); exit 7 if not'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from list" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from list" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from list" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from list" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from show" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from show" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from show" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from show" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from test" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from test" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from test" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from test" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the providers: kind, limits, and whether their secrets can be read'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show a provider\'s features, request sizes and how its replies are read'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from help" -f -a "test" -d 'Ask a provider whether it would accept mail (credentials, sender, quota, age of the key); exit 7 if not'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -l addr -d 'Listen on this address instead of listen.addr; port 0 picks a free port' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -f -a "ingest" -d 'Read bounces and complaints from mail files; a message that is read twice counts once'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -f -a "poll" -d 'Read new events from a provider\'s event log; events already received by webhook count once'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -f -a "list" -d 'List events, oldest first'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -l dry-run -d 'Record nothing; print the events found in each message'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -l any-recipient -d 'Also suppress recipients that the ledger does not know. By default only recipients of this workspace are suppressed, because mail can be forged'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -l since -d 'Start this long ago instead of at the end of the last poll (default for the first poll: 24h)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -l dry-run -d 'Record nothing; print each event'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -l run -d 'Only events about this run' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -l type -d 'Only events of this type: delivered, bounced, complained, ...' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -l email -d 'Only events about this address (case-insensitive)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "ingest" -d 'Read bounces and complaints from mail files; a message that is read twice counts once'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "poll" -d 'Read new events from a provider\'s event log; events already received by webhook count once'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "list" -d 'List events, oldest first'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -f -a "init" -d 'Write a commented mailbatch.toml with a sandbox provider and a sample message that works with any list; existing files are not overwritten'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -f -a "validate" -d 'Check all settings that a send would read, including secrets, and report errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -f -a "show" -d 'Print the settings in force; for a secret, print its source instead of its value'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -l list -d 'Write a sample message that uses the columns of this list' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -l email -d 'The address column of that list, if mailbatch cannot detect it' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from validate" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from validate" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from validate" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from validate" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from validate" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from validate" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from validate" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -l env -d 'Also use the settings under [env.NAME] in the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -l origin -d 'Show where each setting was read'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "init" -d 'Write a commented mailbatch.toml with a sandbox provider and a sample message that works with any list; existing files are not overwritten'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "validate" -d 'Check all settings that a send would read, including secrets, and report errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print the settings in force; for a secret, print its source instead of its value'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand completions" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand completions" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand completions" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand completions" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand completions" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand completions" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand man" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand man" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand man" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand man" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand man" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand man" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand help" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand help" -s c -l config -d 'Use this configuration file instead of the nearest mailbatch.toml' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand help" -l json -d 'Write results to standard output as JSON, one object per line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand help" -s q -l quiet -d 'Print only warnings and errors'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand help" -s v -l verbose -d 'Print more; -vv prints debug messages, which may contain addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand help" -s h -l help -d 'Print help'
