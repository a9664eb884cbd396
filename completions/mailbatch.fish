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
complete -c mailbatch -n "__fish_mailbatch_needs_command" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_needs_command" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -s V -l version -d 'Print version'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "send" -d 'Check a list, screen it and send; the same command again continues where it stopped'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "check" -d 'Find everything `send` would refuse, without sending; bad rows go to LIST.rejected.csv'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "preview" -d 'Show the message as one recipient gets it'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "resume" -d 'Continue the newest unfinished run, or RUN, from the ledger alone'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "retry" -d 'Send again to those who were deferred'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "reconcile" -d 'Resolve recipients whose outcome is unknown; sends nothing unless --replay'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "pause" -d 'Stop every run in this workspace, or those that a flag names, until `unpause` (exit 12)'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "unpause" -d 'Let send again what `pause` stopped; give the same flag'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "status" -d 'Show where a run stands: its state and cause, who was handed over, in doubt or not sent, and what to do'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "wait" -d 'Wait until a run ends and leave with its exit code'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "runs" -d 'List runs, show one, or remove one'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "report" -d 'Write what became of each recipient of a run'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "why" -d 'Show every decision taken about one recipient, oldest first'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "who" -d 'Show one person over all runs: what was sent, the outcomes, bounces and complaints, suppressions; newest first'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "suppress" -d 'Keep the list of those who must not be mailed'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "provider" -d 'Look at the providers of the configuration; nothing is sent'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "listen" -d 'Take providers\' events and one-click unsubscribes over the web, until SIGTERM or Ctrl-C'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "events" -d 'Take in what comes back, and list it'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "config" -d 'Make, check and show the configuration'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "man" -d 'Write the man pages, guides included, into a directory'
complete -c mailbatch -n "__fish_mailbatch_needs_command" -f -a "help" -d 'Print a guide, such as `help runbook`, or the help of a command'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l email-column -l email -d 'The column that holds the address' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l format -d 'The list\'s format, if neither its name nor its content shows it' -r -f -a "csv\t''
tsv\t''
json\t'A JSON array of objects'
ndjson\t'One JSON object a line'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l encoding -d 'The list\'s character encoding, if it is not clear: utf-8, utf-16le, windows-1252' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l delimiter -d 'The delimiter of a CSV list, if it is not clear: one character, or tab' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l skip-lines -d 'The number of lines before the header of a CSV list' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l where -d 'Only rows for which this expression is true, such as "country == \'FI\'"' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l dedupe -d 'When two addresses are one person: ci (in any case), exact, off' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l max-invalid -d 'Refuse the list when more of its rows are invalid; rows without any address count only where they point at a fault' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l max-empty -d 'Refuse the list when more of its rows have no address at all' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l expect-count -d 'Refuse the list unless it has this many rows: 50000, 50000±2%, 50000+-2pct' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l suppress -d 'Another suppression file, beside those of the configuration (repeatable)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l message -d 'The message file: .md, .html or .txt' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l from -d 'The From header' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l subject -d 'The subject, a template' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l campaign -d 'The campaign\'s name; {date}, {week} and {month} are filled in' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l provider -d 'The provider, by its name under [providers]' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l canary -d 'Send to a few first, check the outcome, then send the rest: 5%, 5pct, or a number' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l limit -d 'Send to at most this many; the others are held' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l redirect-all-to -d 'Send every message to this address instead of its recipient' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l then -d 'What to do when the canary has passed (default: ask on a terminal, continue elsewhere)' -r -f -a "ask\t'Ask on a terminal; elsewhere wait for `resume --continue` (exit 13)'
continue\t'Send the rest'
stop\t'Wait for `resume --continue` (exit 13)'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l canary-wait -d 'How long to wait for bounces and complaints about the canary before the rest is sent (default: 15m where bounces are reported)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l canary-extend -d 'Extend an inconclusive canary automatically, up to this size: 25%, or a number' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l rate -d 'A lower rate than the configuration\'s: 50/s, 3000/min, 500/hour' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l on-cap -d 'What to do when a cap is reached' -r -f -a "stop\t'Stop with exit 8 (the default)'
wait\t'Wait until there is room'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l on-unknown -d 'What to do with recipients who may have been reached by an earlier attempt' -r -f -a "keep\t'Leave them unknown (the default)'
retry\t'Send to them again, at the risk of mailing a recipient twice'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l report -d 'Write the report here as well; the suffix chooses the format: csv, ndjson, json, html, xml, md (repeatable)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l progress -d 'How to show the progress of the run' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere (the default)'
bar\t''
plain\t''
json\t'NDJSON on standard output'
none\t''"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l stats -d 'How often a plain progress line is written' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l fail-on -d 'Exit 3 when any recipient has one of these outcomes, such as unknown,suppressed' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l error-on -d 'Call these outcomes a failure, and no others, in the exit code and in the checks of a report for CI (default: rejected, deferred, unknown, held)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l fail-over -d 'Tolerate this share of rejected recipients before exit 3' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l wait-lock -d 'Wait this long for another run of the campaign to end, instead of exit 11 at once' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l skip-unrendered -d 'Leave out rows for which the message cannot be rendered, instead of refusing the list'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l dry-run -d 'Run every step except sending, and say what would happen and how long it would take'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l accept-changes -d 'Send a changed message under the same campaign'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l again -d 'Send although most of these people had this message under another campaign'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l provider-sandbox -d 'Hand everything to the provider\'s own sandbox or simulator, so that no recipient gets mail; refused where it has none'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l ledger-lost -d 'The ledger is lost: read the reports of earlier runs into a new one first, so that no recipient in them is mailed again'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l error-on-empty -d 'Exit 9 when there was no recipient to send to'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l listen -d 'Receive events and unsubscribes over HTTP while the run lasts, as `listen` does'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l allow-example -d 'Send although From, a link or the unsubscribe URL is under a reserved name such as example.com'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l allow-no-unsubscribe -d 'Send marketing mail although it has no unsubscribe link of the recipient\'s own'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l spreadsheet-safe -d 'In CSV reports, put \' before cells that a spreadsheet would run as a formula'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -s y -l yes -d 'Do not ask for confirmation'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l no-learn -d 'Learn nothing: write neither hard bounces nor what the provider suppresses to the suppression list'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l email-column -l email -d 'The column that holds the address' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l format -d 'The list\'s format, if neither its name nor its content shows it' -r -f -a "csv\t''
tsv\t''
json\t'A JSON array of objects'
ndjson\t'One JSON object a line'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l encoding -d 'The list\'s character encoding, if it is not clear: utf-8, utf-16le, windows-1252' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l delimiter -d 'The delimiter of a CSV list, if it is not clear: one character, or tab' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l skip-lines -d 'The number of lines before the header of a CSV list' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l where -d 'Only rows for which this expression is true, such as "country == \'FI\'"' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l dedupe -d 'When two addresses are one person: ci (in any case), exact, off' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l max-invalid -d 'Refuse the list when more of its rows are invalid; rows without any address count only where they point at a fault' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l max-empty -d 'Refuse the list when more of its rows have no address at all' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l expect-count -d 'Refuse the list unless it has this many rows: 50000, 50000±2%, 50000+-2pct' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l suppress -d 'Another suppression file, beside those of the configuration (repeatable)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l message -d 'The message file: .md, .html or .txt' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l from -d 'The From header' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l subject -d 'The subject, a template' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l campaign -d 'The campaign\'s name; {date}, {week} and {month} are filled in' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l provider -d 'The provider, by its name under [providers]' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l rejected -d 'Write the bad rows of all lists to FILE (default: LIST.rejected.csv beside each list)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l skip-unrendered -d 'Leave out rows for which the message cannot be rendered, instead of refusing the list'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l allow-example -d 'Do not refuse a From, link or unsubscribe URL under a reserved name such as example.com'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l allow-no-unsubscribe -d 'Do not refuse marketing mail without an unsubscribe link of the recipient\'s own'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l spreadsheet-safe -d 'Put \' before cells that a spreadsheet would run as a formula'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l row -d 'The recipient in row N, counted from 1 (the default: the first that can be rendered)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l email -d 'The recipient with this address (--email-column names the column)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l sample -d 'N recipients, spread over the list' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l out -d 'Write .eml files into DIR' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l email-column -d 'The column that holds the address' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l dedupe -d 'When two addresses are one person, as for send: ci (in any case), exact, off' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l suppress -d 'Another suppression file, beside those of the configuration (repeatable)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l format -d 'The list\'s format, if neither its name nor its content shows it' -r -f -a "csv\t''
tsv\t''
json\t'A JSON array of objects'
ndjson\t'One JSON object a line'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l encoding -d 'The list\'s character encoding, if it is not clear: utf-8, utf-16le, windows-1252' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l delimiter -d 'The delimiter of a CSV list, if it is not clear: one character, or tab' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l skip-lines -d 'The number of lines before the header of a CSV list' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l where -d 'Only rows for which this expression is true, such as "country == \'FI\'"' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l message -d 'The message file: .md, .html or .txt' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l from -d 'The From header' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l subject -d 'The subject, a template' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l campaign -d 'The campaign\'s name; {date}, {week} and {month} are filled in' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l provider -d 'The provider, by its name under [providers]' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l worst -d 'The recipient whose message comes out longest'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l open -d 'Open the message in the program for .eml files'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l error-on-empty -d 'Exit 9 when `send` would mail none of the rows that are shown'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand preview" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l then -d 'What to do when the canary has passed (default: ask on a terminal, continue elsewhere)' -r -f -a "ask\t'Ask on a terminal; elsewhere wait for `resume --continue` (exit 13)'
continue\t'Send the rest'
stop\t'Wait for `resume --continue` (exit 13)'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l canary-wait -d 'How long to wait for bounces and complaints about the canary before the rest is sent (default: 15m where bounces are reported)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l canary-extend -d 'Extend an inconclusive canary automatically, up to this size: 25%, or a number' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l rate -d 'A lower rate than the configuration\'s: 50/s, 3000/min, 500/hour' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l on-cap -d 'What to do when a cap is reached' -r -f -a "stop\t'Stop with exit 8 (the default)'
wait\t'Wait until there is room'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l on-unknown -d 'What to do with recipients who may have been reached by an earlier attempt' -r -f -a "keep\t'Leave them unknown (the default)'
retry\t'Send to them again, at the risk of mailing a recipient twice'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l report -d 'Write the report here as well; the suffix chooses the format: csv, ndjson, json, html, xml, md (repeatable)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l progress -d 'How to show the progress of the run' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere (the default)'
bar\t''
plain\t''
json\t'NDJSON on standard output'
none\t''"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l stats -d 'How often a plain progress line is written' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l fail-on -d 'Exit 3 when any recipient has one of these outcomes, such as unknown,suppressed' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l error-on -d 'Call these outcomes a failure, and no others, in the exit code and in the checks of a report for CI (default: rejected, deferred, unknown, held)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l fail-over -d 'Tolerate this share of rejected recipients before exit 3' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l wait-lock -d 'Wait this long for another run of the campaign to end, instead of exit 11 at once' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l continue -d 'Send the rest although the canary failed or waits for a person'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l abandon -d 'Close the run; recipients who were not reached stay held, which means not sent'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l as-planned -d 'Continue with the planned message and rows; ignore changes to the files'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l accept-changes -d 'Plan the unreached recipients anew, with the current message, list and configuration'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l listen -d 'Receive events and unsubscribes over HTTP while the run lasts, as `listen` does'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l allow-example -d 'Send although From, a link or the unsubscribe URL is under a reserved name such as example.com'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l allow-no-unsubscribe -d 'Send marketing mail although it has no unsubscribe link of the recipient\'s own'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l spreadsheet-safe -d 'In CSV reports, put \' before cells that a spreadsheet would run as a formula'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -s y -l yes -d 'Do not ask for confirmation'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l no-learn -d 'Learn nothing: write neither hard bounces nor what the provider suppresses to the suppression list'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l only -d 'Which outcomes: rejected, deferred, held' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l then -d 'What to do when the canary has passed (default: ask on a terminal, continue elsewhere)' -r -f -a "ask\t'Ask on a terminal; elsewhere wait for `resume --continue` (exit 13)'
continue\t'Send the rest'
stop\t'Wait for `resume --continue` (exit 13)'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l canary-wait -d 'How long to wait for bounces and complaints about the canary before the rest is sent (default: 15m where bounces are reported)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l canary-extend -d 'Extend an inconclusive canary automatically, up to this size: 25%, or a number' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l rate -d 'A lower rate than the configuration\'s: 50/s, 3000/min, 500/hour' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l on-cap -d 'What to do when a cap is reached' -r -f -a "stop\t'Stop with exit 8 (the default)'
wait\t'Wait until there is room'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l on-unknown -d 'What to do with recipients who may have been reached by an earlier attempt' -r -f -a "keep\t'Leave them unknown (the default)'
retry\t'Send to them again, at the risk of mailing a recipient twice'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l report -d 'Write the report here as well; the suffix chooses the format: csv, ndjson, json, html, xml, md (repeatable)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l progress -d 'How to show the progress of the run' -r -f -a "auto\t'Bars on a terminal, plain lines elsewhere (the default)'
bar\t''
plain\t''
json\t'NDJSON on standard output'
none\t''"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l stats -d 'How often a plain progress line is written' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l fail-on -d 'Exit 3 when any recipient has one of these outcomes, such as unknown,suppressed' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l error-on -d 'Call these outcomes a failure, and no others, in the exit code and in the checks of a report for CI (default: rejected, deferred, unknown, held)' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l fail-over -d 'Tolerate this share of rejected recipients before exit 3' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l wait-lock -d 'Wait this long for another run of the campaign to end, instead of exit 11 at once' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l as-planned -d 'Continue with the planned message and rows; ignore changes to the files'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l accept-changes -d 'Plan the unreached recipients anew, with the current message, list and configuration'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l listen -d 'Receive events and unsubscribes over HTTP while the run lasts, as `listen` does'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l allow-example -d 'Send although From, a link or the unsubscribe URL is under a reserved name such as example.com'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l allow-no-unsubscribe -d 'Send marketing mail although it has no unsubscribe link of the recipient\'s own'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l spreadsheet-safe -d 'In CSV reports, put \' before cells that a spreadsheet would run as a formula'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -s y -l yes -d 'Do not ask for confirmation'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l no-learn -d 'Learn nothing: write neither hard bounces nor what the provider suppresses to the suppression list'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand retry" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -l assume -d 'Resolve all who are left, or each EMAIL, on your word, which is recorded' -r -f -a "taken\t'Accepted: not sent again'
not-taken\t'Deferred: sent again by `retry`'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -l replay -d 'Send what is in doubt once more under the same idempotency key; this may hand over what was never taken'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand reconcile" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l campaign -d 'Only the runs of this campaign, also of one that has none yet; {date}, {week} and {month} are filled in' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l kind -d 'Only mail of this kind: marketing, transactional' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l provider -d 'Only mail through this provider (its name under [providers])' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l reason -d 'The reason, which is shown wherever the pause stops something' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l for -d 'End the pause by itself after this time: 30m, 2h' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l timeout -d 'Wait no longer than this, then exit 10; the pause stays' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l wait -d 'Wait until nothing that is paused is under way, and print what became of it'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand pause" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -l campaign -d 'Only the runs of this campaign, also of one that has none yet; {date}, {week} and {month} are filled in' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -l kind -d 'Only mail of this kind: marketing, transactional' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -l provider -d 'Only mail through this provider (its name under [providers])' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand unpause" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -l open -d 'List every run that is not finished, and the pauses in force; exit 1 where there is such a run, else 0'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -l follow -d 'Show it again whenever it changes, until the run ends'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand status" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand wait" -l timeout -d 'Give up after this long, with exit 10' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand wait" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand wait" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand wait" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand wait" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand wait" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand wait" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -f -a "list" -d 'List every run, newest first (the default)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -f -a "show" -d 'Show one run'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -f -a "rm" -d 'Remove a run\'s rows; recipients it reached are still not mailed twice'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and not __fish_seen_subcommand_from list show rm help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from list" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from list" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from list" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from show" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from show" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from show" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from rm" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from rm" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from rm" -s y -l yes -d 'Do not ask for confirmation'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from rm" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from rm" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "list" -d 'List every run, newest first (the default)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one run'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "rm" -d 'Remove a run\'s rows; recipients it reached are still not mailed twice'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -l trend -d 'Refusals, bounces, complaints and unsubscribes of all runs by week, provider and receiving domain, over the last TIME: 8w' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -l format -d 'The report\'s format (default: by the suffix of -o, else table)' -r -f -a "table\t''
csv\t''
ndjson\t''
json\t''
html\t''
junit\t''
md\t''"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -l outcome -d 'Only these outcomes, such as rejected,unknown' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -l domain -d 'Only recipients at these receiving domains' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -l since -d 'Only recipients last attempted since this time: 24h, 2027-01-31' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -s o -l output -d 'Write to FILE instead of standard output' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -l spreadsheet-safe -d 'Put \' before cells that a spreadsheet would run as a formula'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand report" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand why" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand why" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand why" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand why" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand why" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand why" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand who" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand who" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand who" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand who" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand who" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand who" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "add" -d 'Suppress addresses, @domains or sha256: entries'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "remove" -d 'Take suppressions back; who did it is recorded'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "check" -d 'Say whether an address is suppressed: exit 0 if it is, 9 if not'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "list" -d 'List every suppression in force'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "import" -d 'Add every entry of a file'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "export" -d 'Write every suppression in force'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "sync" -d 'Bring our suppressions and a provider\'s together; no entry is taken off either list'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "diff" -d 'Print the entries that only one of the two lists has: ours, or the provider\'s'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and not __fish_seen_subcommand_from add remove check list import export sync diff help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -l reason -d 'hard_bounce, complaint, unsubscribe or manual' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -l scope -d 'Which mail is stopped (default: by the reason; an unsubscribe stops marketing only)' -r -f -a "all\t'Every mail'
marketing\t'Marketing only'"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -l note -d 'A few words for the person who looks it up' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -l expires -d 'Until when: 2027-01-31 or 2027-01-31T09:00:00Z' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -l file -d 'The suppression file to add to (default: the configuration\'s first)' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from remove" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from remove" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from remove" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from remove" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from check" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from check" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from check" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from check" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from list" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from list" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from list" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from list" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l preset -d 'The file is this service\'s export of addresses that it does not mail' -r -f -a "hubspot\t''
mailchimp\t''
sendgrid\t''
ses\t''"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l reason -d 'For entries without a reason of their own: hard_bounce, complaint, unsubscribe or manual' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l column -d 'The column that holds the addresses, where several could be meant' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l encoding -d 'The file\'s character encoding, where it is not clear: utf-8, utf-16le, windows-1252' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l delimiter -d 'What stands between its fields, where it is not clear: one character, or tab' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l skip-lines -d 'How many lines stand before its header' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -s o -l output -d 'Write to FILE instead of standard output' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -l format -r -f -a "csv\t''
ndjson\t''"
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -l pull -d 'Only add theirs to the first suppression file and the ledger'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -l push -d 'Only add ours to theirs, as far as their API takes them'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -l dry-run -d 'Change nothing, and say what would be'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from sync" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from diff" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from diff" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from diff" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from diff" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "add" -d 'Suppress addresses, @domains or sha256: entries'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Take suppressions back; who did it is recorded'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "check" -d 'Say whether an address is suppressed: exit 0 if it is, 9 if not'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "list" -d 'List every suppression in force'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "import" -d 'Add every entry of a file'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write every suppression in force'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "sync" -d 'Bring our suppressions and a provider\'s together; no entry is taken off either list'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Print the entries that only one of the two lists has: ours, or the provider\'s'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand suppress; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -f -a "list" -d 'List them: kind, limits, and whether their secrets resolve'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -f -a "show" -d 'Say what one can express, how much a request holds and how its replies are read'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -f -a "test" -d 'Ask one whether it would take mail: credentials, sender, quota, age of the key; exit 7 if not'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and not __fish_seen_subcommand_from list show test help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from list" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from list" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from list" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from list" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from show" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from show" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from show" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from show" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from test" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from test" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from test" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from test" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from help" -f -a "list" -d 'List them: kind, limits, and whether their secrets resolve'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from help" -f -a "show" -d 'Say what one can express, how much a request holds and how its replies are read'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from help" -f -a "test" -d 'Ask one whether it would take mail: credentials, sender, quota, age of the key; exit 7 if not'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand provider; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -l addr -d 'Listen here instead of at listen.addr; port 0 takes a free one' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand listen" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -f -a "ingest" -d 'Read bounces and complaints out of mail; each counts once, however often it is read'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -f -a "poll" -d 'Read a provider\'s own log of events, from where the last poll ended; an event that a webhook delivered counts once'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -f -a "list" -d 'List events, oldest first'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and not __fish_seen_subcommand_from ingest poll list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -l dry-run -d 'Write nothing; print what each message says'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -l any-recipient -d 'Suppress recipients unknown to the ledger too. Mail can be forged, so otherwise only recipients of this workspace are suppressed'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from ingest" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -l since -d 'Begin so long ago, wherever the last poll ended; 24h where there has been none' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -l dry-run -d 'Write nothing; print each event'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from poll" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -l run -d 'Only events about this run' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -l type -d 'Only this type: delivered, bounced, complained, ...' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -l email -d 'Only events about this address, in any case' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "ingest" -d 'Read bounces and complaints out of mail; each counts once, however often it is read'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "poll" -d 'Read a provider\'s own log of events, from where the last poll ended; an event that a webhook delivered counts once'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "list" -d 'List events, oldest first'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -f -a "init" -d 'Write a commented mailbatch.toml with a sandbox, and a sample message that works with any list; nothing is overwritten'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -f -a "validate" -d 'Read everything a send would read from the configuration, secrets included, and say whether it holds'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -f -a "show" -d 'Print the settings in force; secrets are shown by where they come from'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and not __fish_seen_subcommand_from init validate show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -l list -d 'Write a sample with the columns of this list' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -l email -d 'The address column of that list, if it cannot be detected' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from validate" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from validate" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from validate" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from validate" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from validate" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from validate" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from validate" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -l env -d 'Overlay [env.NAME] of the configuration' -r
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -l origin -d 'Say for each setting where it was read'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "init" -d 'Write a commented mailbatch.toml with a sandbox, and a sample message that works with any list; nothing is overwritten'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "validate" -d 'Read everything a send would read from the configuration, secrets included, and say whether it holds'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print the settings in force; secrets are shown by where they come from'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand completions" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand completions" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand completions" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand completions" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand completions" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand completions" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand man" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand man" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand man" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand man" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand man" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand man" -s h -l help -d 'Print help'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand help" -s C -l directory -d 'Work as if started in DIR; paths on the command line are relative to it' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand help" -s c -l config -d 'Use this configuration instead of the nearest mailbatch.toml upwards' -r -F
complete -c mailbatch -n "__fish_mailbatch_using_subcommand help" -l json -d 'Write results to standard output as JSON, one object a line'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand help" -s q -l quiet -d 'Say nothing unless something is wrong'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand help" -s v -l verbose -d 'Say more; -vv shows debug messages, which may hold addresses'
complete -c mailbatch -n "__fish_mailbatch_using_subcommand help" -s h -l help -d 'Print help'
