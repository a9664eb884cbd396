
use builtin;
use str;

set edit:completion:arg-completer[mailbatch] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'mailbatch'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'mailbatch'= {
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand send 'Check a list, screen it and send; the same command again continues where it stopped'
            cand check 'Find everything `send` would refuse, without sending; bad rows go to LIST.rejected.csv'
            cand preview 'Show the message as one recipient gets it'
            cand resume 'Continue the newest unfinished run, or RUN, from the ledger alone'
            cand retry 'Send again to those who were deferred'
            cand reconcile 'Resolve recipients whose outcome is unknown; sends nothing unless --replay'
            cand pause 'Stop every run in this workspace, or those that a flag names, until `unpause` (exit 12)'
            cand unpause 'Let send again what `pause` stopped; give the same flag'
            cand status 'Show where a run stands: its state and cause, who was handed over, in doubt or not sent, and what to do'
            cand wait 'Wait until a run ends and leave with its exit code'
            cand runs 'List runs, show one, or remove one'
            cand report 'Write what became of each recipient of a run'
            cand why 'Show every decision taken about one recipient, oldest first'
            cand who 'Show one person over all runs: what was sent, what came of it and back, suppressions; newest first'
            cand suppress 'Keep the list of those who must not be mailed'
            cand provider 'Look at the providers of the configuration; nothing is sent'
            cand listen 'Take providers'' events and one-click unsubscribes over the web, until SIGTERM or Ctrl-C'
            cand events 'Take in what comes back, and list it'
            cand config 'Make, check and show the configuration'
            cand completions 'Print a completion script for a shell'
            cand man 'Write the man pages into a directory'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mailbatch;send'= {
            cand --email-column 'The column that holds the address'
            cand --email 'The column that holds the address'
            cand --format 'How the list is written, where neither its name nor its content tells'
            cand --encoding 'The list''s character encoding, where it is not clear: utf-8, utf-16le, windows-1252'
            cand --delimiter 'What stands between the fields of a CSV list, where it is not clear: one character, or tab'
            cand --skip-lines 'How many lines stand before the header of a CSV list'
            cand --where 'Only rows for which this expression is true, such as "country == ''FI''"'
            cand --dedupe 'When two addresses are one person: ci (in any case), exact, off'
            cand --max-invalid 'Refuse the list when more of its rows are invalid; rows without any address count only where they point at a fault'
            cand --max-empty 'Refuse the list when more of its rows have no address at all'
            cand --expect-count 'Refuse the list unless it has this many rows: 50000, 50000±2%, 50000+-2pct'
            cand --suppress 'Another suppression file, beside those of the configuration (repeatable)'
            cand --message 'The message file: .md, .html or .txt'
            cand --from 'The From header'
            cand --subject 'The subject, a template'
            cand --campaign 'The campaign''s name; {date}, {week} and {month} are filled in'
            cand --env 'Overlay [env.NAME] of the configuration'
            cand --provider 'The provider, by its name under [providers]'
            cand --canary 'Send to a first few, judge them, then go on: 5%, 5pct, or a number'
            cand --limit 'Send to at most this many; the others are held'
            cand --redirect-all-to 'Send every message to this address instead of its recipient'
            cand --then 'What to do when the canary has passed (default: ask on a terminal, continue elsewhere)'
            cand --canary-wait 'How long bounces and complaints about the canary are waited for before the rest goes (default: 15m where bounces are reported)'
            cand --canary-extend 'Let the canary grow by itself while it cannot tell, up to this size: 25%, or a number'
            cand --rate 'A lower rate than the configuration''s: 50/s, 3000/min, 500/hour'
            cand --on-cap 'What to do when a cap is reached'
            cand --on-unknown 'What to do with recipients who may have been reached by an earlier attempt'
            cand --report 'Write the report here as well; the suffix tells the format: csv, ndjson, json, html, xml, md (repeatable)'
            cand --progress 'How to show where the run stands'
            cand --stats 'How often a plain progress line is written'
            cand --fail-on 'Exit 3 when any recipient has one of these outcomes, such as unknown,suppressed'
            cand --error-on 'Call these outcomes a failure, and no others, in the exit code and in the checks of a report for CI (default: rejected, deferred, unknown, held)'
            cand --fail-over 'Tolerate this share of rejected recipients before exit 3'
            cand --wait-lock 'Wait this long for another run of the campaign to end, instead of exit 11 at once'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --skip-unrendered 'Leave out rows for which the message cannot be rendered, instead of refusing the list'
            cand --dry-run 'Run every step except sending, and say what would happen and how long it would take'
            cand --accept-changes 'Send a changed message under the same campaign'
            cand --again 'Send although most of these people had this message under another campaign'
            cand --provider-sandbox 'Hand everything to the provider''s own sandbox or simulator, so that nobody gets mail; refused where it has none'
            cand --ledger-lost 'The ledger is lost: read the reports of earlier runs into a new one first, so that nobody in them is mailed again'
            cand --error-on-empty 'Exit 9 when there was nobody to send to'
            cand --listen 'Take events and unsubscribes over the web for as long as the run goes, as `listen` does'
            cand --allow-example 'Send although From, a link or the unsubscribe URL is under a reserved name such as example.com'
            cand --spreadsheet-safe 'Guard cells of CSV reports that a spreadsheet would take for a formula'
            cand -y 'Ask nothing'
            cand --yes 'Ask nothing'
            cand --no-learn 'Learn nothing: write neither hard bounces nor what the provider suppresses to the suppression list'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mailbatch;check'= {
            cand --email-column 'The column that holds the address'
            cand --email 'The column that holds the address'
            cand --format 'How the list is written, where neither its name nor its content tells'
            cand --encoding 'The list''s character encoding, where it is not clear: utf-8, utf-16le, windows-1252'
            cand --delimiter 'What stands between the fields of a CSV list, where it is not clear: one character, or tab'
            cand --skip-lines 'How many lines stand before the header of a CSV list'
            cand --where 'Only rows for which this expression is true, such as "country == ''FI''"'
            cand --dedupe 'When two addresses are one person: ci (in any case), exact, off'
            cand --max-invalid 'Refuse the list when more of its rows are invalid; rows without any address count only where they point at a fault'
            cand --max-empty 'Refuse the list when more of its rows have no address at all'
            cand --expect-count 'Refuse the list unless it has this many rows: 50000, 50000±2%, 50000+-2pct'
            cand --suppress 'Another suppression file, beside those of the configuration (repeatable)'
            cand --message 'The message file: .md, .html or .txt'
            cand --from 'The From header'
            cand --subject 'The subject, a template'
            cand --campaign 'The campaign''s name; {date}, {week} and {month} are filled in'
            cand --env 'Overlay [env.NAME] of the configuration'
            cand --provider 'The provider, by its name under [providers]'
            cand --rejected 'Write the bad rows of all lists to FILE (default: LIST.rejected.csv beside each list)'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --skip-unrendered 'Leave out rows for which the message cannot be rendered, instead of refusing the list'
            cand --allow-example 'Do not refuse a From, link or unsubscribe URL under a reserved name such as example.com'
            cand --spreadsheet-safe 'Guard cells that a spreadsheet would take for a formula'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mailbatch;preview'= {
            cand --row 'The recipient in row N, counted from 1 (the default: the first that can be rendered)'
            cand --email 'The recipient with this address (--email-column names the column)'
            cand --sample 'N recipients, spread over the list'
            cand --out 'Write .eml files into DIR'
            cand --email-column 'The column that holds the address'
            cand --dedupe 'When two addresses are one person, as for send: ci (in any case), exact, off'
            cand --suppress 'Another suppression file, beside those of the configuration (repeatable)'
            cand --format 'How the list is written, where neither its name nor its content tells'
            cand --encoding 'The list''s character encoding, where it is not clear: utf-8, utf-16le, windows-1252'
            cand --delimiter 'What stands between the fields of a CSV list, where it is not clear: one character, or tab'
            cand --skip-lines 'How many lines stand before the header of a CSV list'
            cand --where 'Only rows for which this expression is true, such as "country == ''FI''"'
            cand --message 'The message file: .md, .html or .txt'
            cand --from 'The From header'
            cand --subject 'The subject, a template'
            cand --campaign 'The campaign''s name; {date}, {week} and {month} are filled in'
            cand --env 'Overlay [env.NAME] of the configuration'
            cand --provider 'The provider, by its name under [providers]'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --worst 'The recipient whose message comes out longest'
            cand --open 'Open the message in the program for .eml files'
            cand --error-on-empty 'Exit 9 when `send` would mail none of the rows that are shown'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mailbatch;resume'= {
            cand --then 'What to do when the canary has passed (default: ask on a terminal, continue elsewhere)'
            cand --canary-wait 'How long bounces and complaints about the canary are waited for before the rest goes (default: 15m where bounces are reported)'
            cand --canary-extend 'Let the canary grow by itself while it cannot tell, up to this size: 25%, or a number'
            cand --rate 'A lower rate than the configuration''s: 50/s, 3000/min, 500/hour'
            cand --on-cap 'What to do when a cap is reached'
            cand --on-unknown 'What to do with recipients who may have been reached by an earlier attempt'
            cand --report 'Write the report here as well; the suffix tells the format: csv, ndjson, json, html, xml, md (repeatable)'
            cand --progress 'How to show where the run stands'
            cand --stats 'How often a plain progress line is written'
            cand --fail-on 'Exit 3 when any recipient has one of these outcomes, such as unknown,suppressed'
            cand --error-on 'Call these outcomes a failure, and no others, in the exit code and in the checks of a report for CI (default: rejected, deferred, unknown, held)'
            cand --fail-over 'Tolerate this share of rejected recipients before exit 3'
            cand --wait-lock 'Wait this long for another run of the campaign to end, instead of exit 11 at once'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --continue 'Send the rest although the canary failed or waits for a person'
            cand --abandon 'Close the run; recipients who were not reached stay held, which means not sent'
            cand --as-planned 'Go on with the message and the rows as they were planned, whatever the files say now'
            cand --accept-changes 'Plan the recipients who were not reached again, with message, list and configuration as they are now'
            cand --listen 'Take events and unsubscribes over the web for as long as the run goes, as `listen` does'
            cand --allow-example 'Send although From, a link or the unsubscribe URL is under a reserved name such as example.com'
            cand --spreadsheet-safe 'Guard cells of CSV reports that a spreadsheet would take for a formula'
            cand -y 'Ask nothing'
            cand --yes 'Ask nothing'
            cand --no-learn 'Learn nothing: write neither hard bounces nor what the provider suppresses to the suppression list'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mailbatch;retry'= {
            cand --only 'Which outcomes: rejected, deferred, held'
            cand --then 'What to do when the canary has passed (default: ask on a terminal, continue elsewhere)'
            cand --canary-wait 'How long bounces and complaints about the canary are waited for before the rest goes (default: 15m where bounces are reported)'
            cand --canary-extend 'Let the canary grow by itself while it cannot tell, up to this size: 25%, or a number'
            cand --rate 'A lower rate than the configuration''s: 50/s, 3000/min, 500/hour'
            cand --on-cap 'What to do when a cap is reached'
            cand --on-unknown 'What to do with recipients who may have been reached by an earlier attempt'
            cand --report 'Write the report here as well; the suffix tells the format: csv, ndjson, json, html, xml, md (repeatable)'
            cand --progress 'How to show where the run stands'
            cand --stats 'How often a plain progress line is written'
            cand --fail-on 'Exit 3 when any recipient has one of these outcomes, such as unknown,suppressed'
            cand --error-on 'Call these outcomes a failure, and no others, in the exit code and in the checks of a report for CI (default: rejected, deferred, unknown, held)'
            cand --fail-over 'Tolerate this share of rejected recipients before exit 3'
            cand --wait-lock 'Wait this long for another run of the campaign to end, instead of exit 11 at once'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --as-planned 'Go on with the message and the rows as they were planned, whatever the files say now'
            cand --accept-changes 'Plan the recipients who were not reached again, with message, list and configuration as they are now'
            cand --listen 'Take events and unsubscribes over the web for as long as the run goes, as `listen` does'
            cand --allow-example 'Send although From, a link or the unsubscribe URL is under a reserved name such as example.com'
            cand --spreadsheet-safe 'Guard cells of CSV reports that a spreadsheet would take for a formula'
            cand -y 'Ask nothing'
            cand --yes 'Ask nothing'
            cand --no-learn 'Learn nothing: write neither hard bounces nor what the provider suppresses to the suppression list'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mailbatch;reconcile'= {
            cand --assume 'Settle whoever is left, or each EMAIL, on your word, which is recorded'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --replay 'Send what is in doubt once more under the same idempotency key; this may hand over what was never taken'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mailbatch;pause'= {
            cand --campaign 'Only the runs of this campaign, also of one that has none yet; {date}, {week} and {month} are filled in'
            cand --kind 'Only mail of this kind: marketing, transactional'
            cand --provider 'Only what goes through this provider, by its name under [providers]'
            cand --reason 'The reason, which is shown wherever the pause stops something'
            cand --for 'End the pause by itself after this time: 30m, 2h'
            cand --timeout 'Wait no longer than this, then exit 10; the pause stays'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --wait 'Wait until nothing that is paused is under way, and print what became of it'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;unpause'= {
            cand --campaign 'Only the runs of this campaign, also of one that has none yet; {date}, {week} and {month} are filled in'
            cand --kind 'Only mail of this kind: marketing, transactional'
            cand --provider 'Only what goes through this provider, by its name under [providers]'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;status'= {
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --open 'List every run that is not finished, and the pauses in force; exit 1 where there is such a run, else 0'
            cand --follow 'Show it again whenever it changes, until the run ends'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;wait'= {
            cand --timeout 'Give up after this long, with exit 10'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;runs'= {
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
            cand list 'List every run, newest first (the default)'
            cand show 'Show one run'
            cand rm 'Remove a run''s rows; who was reached is still never mailed twice'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mailbatch;runs;list'= {
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;runs;show'= {
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;runs;rm'= {
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand -y 'Ask nothing'
            cand --yes 'Ask nothing'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;runs;help'= {
            cand list 'List every run, newest first (the default)'
            cand show 'Show one run'
            cand rm 'Remove a run''s rows; who was reached is still never mailed twice'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mailbatch;runs;help;list'= {
        }
        &'mailbatch;runs;help;show'= {
        }
        &'mailbatch;runs;help;rm'= {
        }
        &'mailbatch;runs;help;help'= {
        }
        &'mailbatch;report'= {
            cand --trend 'Refusals, bounces, complaints and unsubscribes of all runs by week, provider and receiving domain, over the last TIME: 8w'
            cand --format 'The report''s format (default: by the suffix of -o, else table)'
            cand --outcome 'Only these outcomes, such as rejected,unknown'
            cand --domain 'Only recipients at these receiving domains'
            cand --since 'Only recipients whose last attempt was not before this time: 24h, 2027-01-31'
            cand -o 'Write to FILE instead of standard output'
            cand --output 'Write to FILE instead of standard output'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --spreadsheet-safe 'Guard cells that a spreadsheet would take for a formula'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;why'= {
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;who'= {
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;suppress'= {
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
            cand add 'Suppress addresses, @domains or sha256: entries'
            cand remove 'Take suppressions back; who did it is recorded'
            cand check 'Say whether an address is suppressed: exit 0 if it is, 9 if not'
            cand list 'List every suppression in force'
            cand import 'Add every entry of a file'
            cand export 'Write every suppression in force'
            cand sync 'Bring our suppressions and a provider''s together; nobody is taken off either list'
            cand diff 'Print whom only we or only a provider suppresses'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mailbatch;suppress;add'= {
            cand --reason 'hard_bounce, complaint, unsubscribe or manual'
            cand --scope 'Which mail is stopped (default: by the reason; an unsubscribe stops marketing only)'
            cand --note 'A few words for whoever looks it up'
            cand --expires 'Until when: 2027-01-31 or 2027-01-31T09:00:00Z'
            cand --file 'The suppression file to add to (default: the configuration''s first)'
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mailbatch;suppress;remove'= {
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;suppress;check'= {
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;suppress;list'= {
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;suppress;import'= {
            cand --preset 'The file is what this service exports of whom it does not mail'
            cand --reason 'For entries without a reason of their own: hard_bounce, complaint, unsubscribe or manual'
            cand --column 'The column that holds the addresses, where several could be meant'
            cand --encoding 'The file''s character encoding, where it is not clear: utf-8, utf-16le, windows-1252'
            cand --delimiter 'What stands between its fields, where it is not clear: one character, or tab'
            cand --skip-lines 'How many lines stand before its header'
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;suppress;export'= {
            cand -o 'Write to FILE instead of standard output'
            cand --output 'Write to FILE instead of standard output'
            cand --format 'format'
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;suppress;sync'= {
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --pull 'Only add theirs to the first suppression file and the ledger'
            cand --push 'Only tell them of ours, as far as their API takes them'
            cand --dry-run 'Change nothing, and say what would be'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;suppress;diff'= {
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;suppress;help'= {
            cand add 'Suppress addresses, @domains or sha256: entries'
            cand remove 'Take suppressions back; who did it is recorded'
            cand check 'Say whether an address is suppressed: exit 0 if it is, 9 if not'
            cand list 'List every suppression in force'
            cand import 'Add every entry of a file'
            cand export 'Write every suppression in force'
            cand sync 'Bring our suppressions and a provider''s together; nobody is taken off either list'
            cand diff 'Print whom only we or only a provider suppresses'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mailbatch;suppress;help;add'= {
        }
        &'mailbatch;suppress;help;remove'= {
        }
        &'mailbatch;suppress;help;check'= {
        }
        &'mailbatch;suppress;help;list'= {
        }
        &'mailbatch;suppress;help;import'= {
        }
        &'mailbatch;suppress;help;export'= {
        }
        &'mailbatch;suppress;help;sync'= {
        }
        &'mailbatch;suppress;help;diff'= {
        }
        &'mailbatch;suppress;help;help'= {
        }
        &'mailbatch;provider'= {
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
            cand list 'List them: kind, limits, and whether their secrets resolve'
            cand show 'Say what one can express, how much a request holds and how its replies are read'
            cand test 'Ask one whether it would take mail: credentials, sender, quota, age of the key; exit 7 if not'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mailbatch;provider;list'= {
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;provider;show'= {
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;provider;test'= {
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;provider;help'= {
            cand list 'List them: kind, limits, and whether their secrets resolve'
            cand show 'Say what one can express, how much a request holds and how its replies are read'
            cand test 'Ask one whether it would take mail: credentials, sender, quota, age of the key; exit 7 if not'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mailbatch;provider;help;list'= {
        }
        &'mailbatch;provider;help;show'= {
        }
        &'mailbatch;provider;help;test'= {
        }
        &'mailbatch;provider;help;help'= {
        }
        &'mailbatch;listen'= {
            cand --addr 'Listen here instead of at listen.addr; port 0 takes a free one'
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;events'= {
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
            cand ingest 'Read bounces and complaints out of mail; each counts once, however often it is read'
            cand poll 'Read a provider''s own log of events, from where the last poll ended; what a webhook told already counts once'
            cand list 'List events, oldest first'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mailbatch;events;ingest'= {
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --dry-run 'Write nothing; print what each message tells'
            cand --any-recipient 'Suppress people of whom the ledger knows nothing too. Mail can be forged, so otherwise it suppresses only whom this workspace mailed'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;events;poll'= {
            cand --since 'Begin so long ago, wherever the last poll ended; 24h where there has been none'
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --dry-run 'Write nothing; print each event'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;events;list'= {
            cand --run 'Only events about this run'
            cand --type 'Only this type: delivered, bounced, complained, ...'
            cand --email 'Only events about this address, in any case'
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;events;help'= {
            cand ingest 'Read bounces and complaints out of mail; each counts once, however often it is read'
            cand poll 'Read a provider''s own log of events, from where the last poll ended; what a webhook told already counts once'
            cand list 'List events, oldest first'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mailbatch;events;help;ingest'= {
        }
        &'mailbatch;events;help;poll'= {
        }
        &'mailbatch;events;help;list'= {
        }
        &'mailbatch;events;help;help'= {
        }
        &'mailbatch;config'= {
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
            cand init 'Write a commented mailbatch.toml with a sandbox, and a sample message that works with any list; nothing is overwritten'
            cand validate 'Read everything a send would read from the configuration, secrets included, and say whether it holds'
            cand show 'Print the settings in force; secrets are shown by where they come from'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mailbatch;config;init'= {
            cand --list 'Write a sample with the columns of this list'
            cand --email 'The column of that list that holds the address, where it is not clear'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;config;validate'= {
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;config;show'= {
            cand --env 'Overlay [env.NAME] of the configuration'
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --origin 'Say for each setting where it was read'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;config;help'= {
            cand init 'Write a commented mailbatch.toml with a sandbox, and a sample message that works with any list; nothing is overwritten'
            cand validate 'Read everything a send would read from the configuration, secrets included, and say whether it holds'
            cand show 'Print the settings in force; secrets are shown by where they come from'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mailbatch;config;help;init'= {
        }
        &'mailbatch;config;help;validate'= {
        }
        &'mailbatch;config;help;show'= {
        }
        &'mailbatch;config;help;help'= {
        }
        &'mailbatch;completions'= {
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;man'= {
            cand -C 'Work as if started in DIR; paths on the command line are relative to it'
            cand --directory 'Work as if started in DIR; paths on the command line are relative to it'
            cand -c 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --config 'Use this configuration instead of the nearest mailbatch.toml upwards'
            cand --json 'Write results to standard output as JSON, one object a line'
            cand -q 'Say nothing unless something is wrong'
            cand --quiet 'Say nothing unless something is wrong'
            cand -v 'Say more; -vv shows debug messages, which may hold addresses'
            cand --verbose 'Say more; -vv shows debug messages, which may hold addresses'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mailbatch;help'= {
            cand send 'Check a list, screen it and send; the same command again continues where it stopped'
            cand check 'Find everything `send` would refuse, without sending; bad rows go to LIST.rejected.csv'
            cand preview 'Show the message as one recipient gets it'
            cand resume 'Continue the newest unfinished run, or RUN, from the ledger alone'
            cand retry 'Send again to those who were deferred'
            cand reconcile 'Resolve recipients whose outcome is unknown; sends nothing unless --replay'
            cand pause 'Stop every run in this workspace, or those that a flag names, until `unpause` (exit 12)'
            cand unpause 'Let send again what `pause` stopped; give the same flag'
            cand status 'Show where a run stands: its state and cause, who was handed over, in doubt or not sent, and what to do'
            cand wait 'Wait until a run ends and leave with its exit code'
            cand runs 'List runs, show one, or remove one'
            cand report 'Write what became of each recipient of a run'
            cand why 'Show every decision taken about one recipient, oldest first'
            cand who 'Show one person over all runs: what was sent, what came of it and back, suppressions; newest first'
            cand suppress 'Keep the list of those who must not be mailed'
            cand provider 'Look at the providers of the configuration; nothing is sent'
            cand listen 'Take providers'' events and one-click unsubscribes over the web, until SIGTERM or Ctrl-C'
            cand events 'Take in what comes back, and list it'
            cand config 'Make, check and show the configuration'
            cand completions 'Print a completion script for a shell'
            cand man 'Write the man pages into a directory'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mailbatch;help;send'= {
        }
        &'mailbatch;help;check'= {
        }
        &'mailbatch;help;preview'= {
        }
        &'mailbatch;help;resume'= {
        }
        &'mailbatch;help;retry'= {
        }
        &'mailbatch;help;reconcile'= {
        }
        &'mailbatch;help;pause'= {
        }
        &'mailbatch;help;unpause'= {
        }
        &'mailbatch;help;status'= {
        }
        &'mailbatch;help;wait'= {
        }
        &'mailbatch;help;runs'= {
            cand list 'List every run, newest first (the default)'
            cand show 'Show one run'
            cand rm 'Remove a run''s rows; who was reached is still never mailed twice'
        }
        &'mailbatch;help;runs;list'= {
        }
        &'mailbatch;help;runs;show'= {
        }
        &'mailbatch;help;runs;rm'= {
        }
        &'mailbatch;help;report'= {
        }
        &'mailbatch;help;why'= {
        }
        &'mailbatch;help;who'= {
        }
        &'mailbatch;help;suppress'= {
            cand add 'Suppress addresses, @domains or sha256: entries'
            cand remove 'Take suppressions back; who did it is recorded'
            cand check 'Say whether an address is suppressed: exit 0 if it is, 9 if not'
            cand list 'List every suppression in force'
            cand import 'Add every entry of a file'
            cand export 'Write every suppression in force'
            cand sync 'Bring our suppressions and a provider''s together; nobody is taken off either list'
            cand diff 'Print whom only we or only a provider suppresses'
        }
        &'mailbatch;help;suppress;add'= {
        }
        &'mailbatch;help;suppress;remove'= {
        }
        &'mailbatch;help;suppress;check'= {
        }
        &'mailbatch;help;suppress;list'= {
        }
        &'mailbatch;help;suppress;import'= {
        }
        &'mailbatch;help;suppress;export'= {
        }
        &'mailbatch;help;suppress;sync'= {
        }
        &'mailbatch;help;suppress;diff'= {
        }
        &'mailbatch;help;provider'= {
            cand list 'List them: kind, limits, and whether their secrets resolve'
            cand show 'Say what one can express, how much a request holds and how its replies are read'
            cand test 'Ask one whether it would take mail: credentials, sender, quota, age of the key; exit 7 if not'
        }
        &'mailbatch;help;provider;list'= {
        }
        &'mailbatch;help;provider;show'= {
        }
        &'mailbatch;help;provider;test'= {
        }
        &'mailbatch;help;listen'= {
        }
        &'mailbatch;help;events'= {
            cand ingest 'Read bounces and complaints out of mail; each counts once, however often it is read'
            cand poll 'Read a provider''s own log of events, from where the last poll ended; what a webhook told already counts once'
            cand list 'List events, oldest first'
        }
        &'mailbatch;help;events;ingest'= {
        }
        &'mailbatch;help;events;poll'= {
        }
        &'mailbatch;help;events;list'= {
        }
        &'mailbatch;help;config'= {
            cand init 'Write a commented mailbatch.toml with a sandbox, and a sample message that works with any list; nothing is overwritten'
            cand validate 'Read everything a send would read from the configuration, secrets included, and say whether it holds'
            cand show 'Print the settings in force; secrets are shown by where they come from'
        }
        &'mailbatch;help;config;init'= {
        }
        &'mailbatch;help;config;validate'= {
        }
        &'mailbatch;help;config;show'= {
        }
        &'mailbatch;help;completions'= {
        }
        &'mailbatch;help;man'= {
        }
        &'mailbatch;help;help'= {
        }
    ]
    $completions[$command]
}
