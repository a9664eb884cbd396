
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'mailbatch' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'mailbatch'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'mailbatch' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Check a list, screen it and send; the same command again continues where it stopped')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Find everything `send` would refuse, without sending; bad rows go to LIST.rejected.csv')
            [CompletionResult]::new('preview', 'preview', [CompletionResultType]::ParameterValue, 'Show the message as one recipient gets it')
            [CompletionResult]::new('resume', 'resume', [CompletionResultType]::ParameterValue, 'Continue the newest unfinished run, or RUN, from the ledger alone')
            [CompletionResult]::new('retry', 'retry', [CompletionResultType]::ParameterValue, 'Send again to those who were deferred')
            [CompletionResult]::new('reconcile', 'reconcile', [CompletionResultType]::ParameterValue, 'Resolve recipients whose outcome is unknown; sends nothing unless --replay')
            [CompletionResult]::new('pause', 'pause', [CompletionResultType]::ParameterValue, 'Stop every run in this workspace, or those that a flag names, until `unpause` (exit 12)')
            [CompletionResult]::new('unpause', 'unpause', [CompletionResultType]::ParameterValue, 'Let send again what `pause` stopped; give the same flag')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show where a run stands: its state and cause, who was handed over, in doubt or not sent, and what to do')
            [CompletionResult]::new('wait', 'wait', [CompletionResultType]::ParameterValue, 'Wait until a run ends and leave with its exit code')
            [CompletionResult]::new('runs', 'runs', [CompletionResultType]::ParameterValue, 'List runs, show one, or remove one')
            [CompletionResult]::new('report', 'report', [CompletionResultType]::ParameterValue, 'Write what became of each recipient of a run')
            [CompletionResult]::new('why', 'why', [CompletionResultType]::ParameterValue, 'Show every decision taken about one recipient, oldest first')
            [CompletionResult]::new('who', 'who', [CompletionResultType]::ParameterValue, 'Show one person over all runs: what was sent, the outcomes, bounces and complaints, suppressions; newest first')
            [CompletionResult]::new('suppress', 'suppress', [CompletionResultType]::ParameterValue, 'Keep the list of those who must not be mailed')
            [CompletionResult]::new('provider', 'provider', [CompletionResultType]::ParameterValue, 'Look at the providers of the configuration; nothing is sent')
            [CompletionResult]::new('listen', 'listen', [CompletionResultType]::ParameterValue, 'Take providers'' events and one-click unsubscribes over the web, until SIGTERM or Ctrl-C')
            [CompletionResult]::new('events', 'events', [CompletionResultType]::ParameterValue, 'Take in what comes back, and list it')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Make, check and show the configuration')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Write the man pages, guides included, into a directory')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print a guide, such as `help runbook`, or the help of a command')
            break
        }
        'mailbatch;send' {
            [CompletionResult]::new('--email-column', '--email-column', [CompletionResultType]::ParameterName, 'The column that holds the address')
            [CompletionResult]::new('--email', '--email', [CompletionResultType]::ParameterName, 'The column that holds the address')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The list''s format, if neither its name nor its content shows it')
            [CompletionResult]::new('--encoding', '--encoding', [CompletionResultType]::ParameterName, 'The list''s character encoding, if it is not clear: utf-8, utf-16le, windows-1252')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'The delimiter of a CSV list, if it is not clear: one character, or tab')
            [CompletionResult]::new('--skip-lines', '--skip-lines', [CompletionResultType]::ParameterName, 'The number of lines before the header of a CSV list')
            [CompletionResult]::new('--where', '--where', [CompletionResultType]::ParameterName, 'Only rows for which this expression is true, such as "country == ''FI''"')
            [CompletionResult]::new('--dedupe', '--dedupe', [CompletionResultType]::ParameterName, 'When two addresses are one person: ci (in any case), exact, off')
            [CompletionResult]::new('--max-invalid', '--max-invalid', [CompletionResultType]::ParameterName, 'Refuse the list when more of its rows are invalid; rows without any address count only where they point at a fault')
            [CompletionResult]::new('--max-empty', '--max-empty', [CompletionResultType]::ParameterName, 'Refuse the list when more of its rows have no address at all')
            [CompletionResult]::new('--expect-count', '--expect-count', [CompletionResultType]::ParameterName, 'Refuse the list unless it has this many rows: 50000, 50000±2%, 50000+-2pct')
            [CompletionResult]::new('--suppress', '--suppress', [CompletionResultType]::ParameterName, 'Another suppression file, beside those of the configuration (repeatable)')
            [CompletionResult]::new('--message', '--message', [CompletionResultType]::ParameterName, 'The message file: .md, .html or .txt')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'The From header')
            [CompletionResult]::new('--subject', '--subject', [CompletionResultType]::ParameterName, 'The subject, a template')
            [CompletionResult]::new('--campaign', '--campaign', [CompletionResultType]::ParameterName, 'The campaign''s name; {date}, {week} and {month} are filled in')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('--provider', '--provider', [CompletionResultType]::ParameterName, 'The provider, by its name under [providers]')
            [CompletionResult]::new('--canary', '--canary', [CompletionResultType]::ParameterName, 'Send to a few first, check the outcome, then send the rest: 5%, 5pct, or a number')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Send to at most this many; the others are held')
            [CompletionResult]::new('--redirect-all-to', '--redirect-all-to', [CompletionResultType]::ParameterName, 'Send every message to this address instead of its recipient')
            [CompletionResult]::new('--then', '--then', [CompletionResultType]::ParameterName, 'What to do when the canary has passed (default: ask on a terminal, continue elsewhere)')
            [CompletionResult]::new('--canary-wait', '--canary-wait', [CompletionResultType]::ParameterName, 'How long to wait for bounces and complaints about the canary before the rest is sent (default: 15m where bounces are reported)')
            [CompletionResult]::new('--canary-extend', '--canary-extend', [CompletionResultType]::ParameterName, 'Extend an inconclusive canary automatically, up to this size: 25%, or a number')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'A lower rate than the configuration''s: 50/s, 3000/min, 500/hour')
            [CompletionResult]::new('--on-cap', '--on-cap', [CompletionResultType]::ParameterName, 'What to do when a cap is reached')
            [CompletionResult]::new('--on-unknown', '--on-unknown', [CompletionResultType]::ParameterName, 'What to do with recipients who may have been reached by an earlier attempt')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Write the report here as well; the suffix chooses the format: csv, ndjson, json, html, xml, md (repeatable)')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'How to show the progress of the run')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'How often a plain progress line is written')
            [CompletionResult]::new('--fail-on', '--fail-on', [CompletionResultType]::ParameterName, 'Exit 3 when any recipient has one of these outcomes, such as unknown,suppressed')
            [CompletionResult]::new('--error-on', '--error-on', [CompletionResultType]::ParameterName, 'Call these outcomes a failure, and no others, in the exit code and in the checks of a report for CI (default: rejected, deferred, unknown, held)')
            [CompletionResult]::new('--fail-over', '--fail-over', [CompletionResultType]::ParameterName, 'Tolerate this share of rejected recipients before exit 3')
            [CompletionResult]::new('--wait-lock', '--wait-lock', [CompletionResultType]::ParameterName, 'Wait this long for another run of the campaign to end, instead of exit 11 at once')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--skip-unrendered', '--skip-unrendered', [CompletionResultType]::ParameterName, 'Leave out rows for which the message cannot be rendered, instead of refusing the list')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Run every step except sending, and say what would happen and how long it would take')
            [CompletionResult]::new('--accept-changes', '--accept-changes', [CompletionResultType]::ParameterName, 'Send a changed message under the same campaign')
            [CompletionResult]::new('--again', '--again', [CompletionResultType]::ParameterName, 'Send although most of these people had this message under another campaign')
            [CompletionResult]::new('--provider-sandbox', '--provider-sandbox', [CompletionResultType]::ParameterName, 'Hand everything to the provider''s own sandbox or simulator, so that no recipient gets mail; refused where it has none')
            [CompletionResult]::new('--ledger-lost', '--ledger-lost', [CompletionResultType]::ParameterName, 'The ledger is lost: read the reports of earlier runs into a new one first, so that no recipient in them is mailed again')
            [CompletionResult]::new('--error-on-empty', '--error-on-empty', [CompletionResultType]::ParameterName, 'Exit 9 when there was no recipient to send to')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Receive events and unsubscribes over HTTP while the run lasts, as `listen` does')
            [CompletionResult]::new('--allow-example', '--allow-example', [CompletionResultType]::ParameterName, 'Send although From, a link or the unsubscribe URL is under a reserved name such as example.com')
            [CompletionResult]::new('--allow-no-unsubscribe', '--allow-no-unsubscribe', [CompletionResultType]::ParameterName, 'Send marketing mail although it has no unsubscribe link of the recipient''s own')
            [CompletionResult]::new('--spreadsheet-safe', '--spreadsheet-safe', [CompletionResultType]::ParameterName, 'In CSV reports, put '' before cells that a spreadsheet would run as a formula')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--no-learn', '--no-learn', [CompletionResultType]::ParameterName, 'Learn nothing: write neither hard bounces nor what the provider suppresses to the suppression list')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mailbatch;check' {
            [CompletionResult]::new('--email-column', '--email-column', [CompletionResultType]::ParameterName, 'The column that holds the address')
            [CompletionResult]::new('--email', '--email', [CompletionResultType]::ParameterName, 'The column that holds the address')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The list''s format, if neither its name nor its content shows it')
            [CompletionResult]::new('--encoding', '--encoding', [CompletionResultType]::ParameterName, 'The list''s character encoding, if it is not clear: utf-8, utf-16le, windows-1252')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'The delimiter of a CSV list, if it is not clear: one character, or tab')
            [CompletionResult]::new('--skip-lines', '--skip-lines', [CompletionResultType]::ParameterName, 'The number of lines before the header of a CSV list')
            [CompletionResult]::new('--where', '--where', [CompletionResultType]::ParameterName, 'Only rows for which this expression is true, such as "country == ''FI''"')
            [CompletionResult]::new('--dedupe', '--dedupe', [CompletionResultType]::ParameterName, 'When two addresses are one person: ci (in any case), exact, off')
            [CompletionResult]::new('--max-invalid', '--max-invalid', [CompletionResultType]::ParameterName, 'Refuse the list when more of its rows are invalid; rows without any address count only where they point at a fault')
            [CompletionResult]::new('--max-empty', '--max-empty', [CompletionResultType]::ParameterName, 'Refuse the list when more of its rows have no address at all')
            [CompletionResult]::new('--expect-count', '--expect-count', [CompletionResultType]::ParameterName, 'Refuse the list unless it has this many rows: 50000, 50000±2%, 50000+-2pct')
            [CompletionResult]::new('--suppress', '--suppress', [CompletionResultType]::ParameterName, 'Another suppression file, beside those of the configuration (repeatable)')
            [CompletionResult]::new('--message', '--message', [CompletionResultType]::ParameterName, 'The message file: .md, .html or .txt')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'The From header')
            [CompletionResult]::new('--subject', '--subject', [CompletionResultType]::ParameterName, 'The subject, a template')
            [CompletionResult]::new('--campaign', '--campaign', [CompletionResultType]::ParameterName, 'The campaign''s name; {date}, {week} and {month} are filled in')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('--provider', '--provider', [CompletionResultType]::ParameterName, 'The provider, by its name under [providers]')
            [CompletionResult]::new('--rejected', '--rejected', [CompletionResultType]::ParameterName, 'Write the bad rows of all lists to FILE (default: LIST.rejected.csv beside each list)')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--skip-unrendered', '--skip-unrendered', [CompletionResultType]::ParameterName, 'Leave out rows for which the message cannot be rendered, instead of refusing the list')
            [CompletionResult]::new('--allow-example', '--allow-example', [CompletionResultType]::ParameterName, 'Do not refuse a From, link or unsubscribe URL under a reserved name such as example.com')
            [CompletionResult]::new('--allow-no-unsubscribe', '--allow-no-unsubscribe', [CompletionResultType]::ParameterName, 'Do not refuse marketing mail without an unsubscribe link of the recipient''s own')
            [CompletionResult]::new('--spreadsheet-safe', '--spreadsheet-safe', [CompletionResultType]::ParameterName, 'Put '' before cells that a spreadsheet would run as a formula')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mailbatch;preview' {
            [CompletionResult]::new('--row', '--row', [CompletionResultType]::ParameterName, 'The recipient in row N, counted from 1 (the default: the first that can be rendered)')
            [CompletionResult]::new('--email', '--email', [CompletionResultType]::ParameterName, 'The recipient with this address (--email-column names the column)')
            [CompletionResult]::new('--sample', '--sample', [CompletionResultType]::ParameterName, 'N recipients, spread over the list')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Write .eml files into DIR')
            [CompletionResult]::new('--email-column', '--email-column', [CompletionResultType]::ParameterName, 'The column that holds the address')
            [CompletionResult]::new('--dedupe', '--dedupe', [CompletionResultType]::ParameterName, 'When two addresses are one person, as for send: ci (in any case), exact, off')
            [CompletionResult]::new('--suppress', '--suppress', [CompletionResultType]::ParameterName, 'Another suppression file, beside those of the configuration (repeatable)')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The list''s format, if neither its name nor its content shows it')
            [CompletionResult]::new('--encoding', '--encoding', [CompletionResultType]::ParameterName, 'The list''s character encoding, if it is not clear: utf-8, utf-16le, windows-1252')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'The delimiter of a CSV list, if it is not clear: one character, or tab')
            [CompletionResult]::new('--skip-lines', '--skip-lines', [CompletionResultType]::ParameterName, 'The number of lines before the header of a CSV list')
            [CompletionResult]::new('--where', '--where', [CompletionResultType]::ParameterName, 'Only rows for which this expression is true, such as "country == ''FI''"')
            [CompletionResult]::new('--message', '--message', [CompletionResultType]::ParameterName, 'The message file: .md, .html or .txt')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'The From header')
            [CompletionResult]::new('--subject', '--subject', [CompletionResultType]::ParameterName, 'The subject, a template')
            [CompletionResult]::new('--campaign', '--campaign', [CompletionResultType]::ParameterName, 'The campaign''s name; {date}, {week} and {month} are filled in')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('--provider', '--provider', [CompletionResultType]::ParameterName, 'The provider, by its name under [providers]')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--worst', '--worst', [CompletionResultType]::ParameterName, 'The recipient whose message comes out longest')
            [CompletionResult]::new('--open', '--open', [CompletionResultType]::ParameterName, 'Open the message in the program for .eml files')
            [CompletionResult]::new('--error-on-empty', '--error-on-empty', [CompletionResultType]::ParameterName, 'Exit 9 when `send` would mail none of the rows that are shown')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mailbatch;resume' {
            [CompletionResult]::new('--then', '--then', [CompletionResultType]::ParameterName, 'What to do when the canary has passed (default: ask on a terminal, continue elsewhere)')
            [CompletionResult]::new('--canary-wait', '--canary-wait', [CompletionResultType]::ParameterName, 'How long to wait for bounces and complaints about the canary before the rest is sent (default: 15m where bounces are reported)')
            [CompletionResult]::new('--canary-extend', '--canary-extend', [CompletionResultType]::ParameterName, 'Extend an inconclusive canary automatically, up to this size: 25%, or a number')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'A lower rate than the configuration''s: 50/s, 3000/min, 500/hour')
            [CompletionResult]::new('--on-cap', '--on-cap', [CompletionResultType]::ParameterName, 'What to do when a cap is reached')
            [CompletionResult]::new('--on-unknown', '--on-unknown', [CompletionResultType]::ParameterName, 'What to do with recipients who may have been reached by an earlier attempt')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Write the report here as well; the suffix chooses the format: csv, ndjson, json, html, xml, md (repeatable)')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'How to show the progress of the run')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'How often a plain progress line is written')
            [CompletionResult]::new('--fail-on', '--fail-on', [CompletionResultType]::ParameterName, 'Exit 3 when any recipient has one of these outcomes, such as unknown,suppressed')
            [CompletionResult]::new('--error-on', '--error-on', [CompletionResultType]::ParameterName, 'Call these outcomes a failure, and no others, in the exit code and in the checks of a report for CI (default: rejected, deferred, unknown, held)')
            [CompletionResult]::new('--fail-over', '--fail-over', [CompletionResultType]::ParameterName, 'Tolerate this share of rejected recipients before exit 3')
            [CompletionResult]::new('--wait-lock', '--wait-lock', [CompletionResultType]::ParameterName, 'Wait this long for another run of the campaign to end, instead of exit 11 at once')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--continue', '--continue', [CompletionResultType]::ParameterName, 'Send the rest although the canary failed or waits for a person')
            [CompletionResult]::new('--abandon', '--abandon', [CompletionResultType]::ParameterName, 'Close the run; recipients who were not reached stay held, which means not sent')
            [CompletionResult]::new('--as-planned', '--as-planned', [CompletionResultType]::ParameterName, 'Continue with the planned message and rows; ignore changes to the files')
            [CompletionResult]::new('--accept-changes', '--accept-changes', [CompletionResultType]::ParameterName, 'Plan the unreached recipients anew, with the current message, list and configuration')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Receive events and unsubscribes over HTTP while the run lasts, as `listen` does')
            [CompletionResult]::new('--allow-example', '--allow-example', [CompletionResultType]::ParameterName, 'Send although From, a link or the unsubscribe URL is under a reserved name such as example.com')
            [CompletionResult]::new('--allow-no-unsubscribe', '--allow-no-unsubscribe', [CompletionResultType]::ParameterName, 'Send marketing mail although it has no unsubscribe link of the recipient''s own')
            [CompletionResult]::new('--spreadsheet-safe', '--spreadsheet-safe', [CompletionResultType]::ParameterName, 'In CSV reports, put '' before cells that a spreadsheet would run as a formula')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--no-learn', '--no-learn', [CompletionResultType]::ParameterName, 'Learn nothing: write neither hard bounces nor what the provider suppresses to the suppression list')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mailbatch;retry' {
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Which outcomes: rejected, deferred, held')
            [CompletionResult]::new('--then', '--then', [CompletionResultType]::ParameterName, 'What to do when the canary has passed (default: ask on a terminal, continue elsewhere)')
            [CompletionResult]::new('--canary-wait', '--canary-wait', [CompletionResultType]::ParameterName, 'How long to wait for bounces and complaints about the canary before the rest is sent (default: 15m where bounces are reported)')
            [CompletionResult]::new('--canary-extend', '--canary-extend', [CompletionResultType]::ParameterName, 'Extend an inconclusive canary automatically, up to this size: 25%, or a number')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'A lower rate than the configuration''s: 50/s, 3000/min, 500/hour')
            [CompletionResult]::new('--on-cap', '--on-cap', [CompletionResultType]::ParameterName, 'What to do when a cap is reached')
            [CompletionResult]::new('--on-unknown', '--on-unknown', [CompletionResultType]::ParameterName, 'What to do with recipients who may have been reached by an earlier attempt')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Write the report here as well; the suffix chooses the format: csv, ndjson, json, html, xml, md (repeatable)')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'How to show the progress of the run')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'How often a plain progress line is written')
            [CompletionResult]::new('--fail-on', '--fail-on', [CompletionResultType]::ParameterName, 'Exit 3 when any recipient has one of these outcomes, such as unknown,suppressed')
            [CompletionResult]::new('--error-on', '--error-on', [CompletionResultType]::ParameterName, 'Call these outcomes a failure, and no others, in the exit code and in the checks of a report for CI (default: rejected, deferred, unknown, held)')
            [CompletionResult]::new('--fail-over', '--fail-over', [CompletionResultType]::ParameterName, 'Tolerate this share of rejected recipients before exit 3')
            [CompletionResult]::new('--wait-lock', '--wait-lock', [CompletionResultType]::ParameterName, 'Wait this long for another run of the campaign to end, instead of exit 11 at once')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--as-planned', '--as-planned', [CompletionResultType]::ParameterName, 'Continue with the planned message and rows; ignore changes to the files')
            [CompletionResult]::new('--accept-changes', '--accept-changes', [CompletionResultType]::ParameterName, 'Plan the unreached recipients anew, with the current message, list and configuration')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Receive events and unsubscribes over HTTP while the run lasts, as `listen` does')
            [CompletionResult]::new('--allow-example', '--allow-example', [CompletionResultType]::ParameterName, 'Send although From, a link or the unsubscribe URL is under a reserved name such as example.com')
            [CompletionResult]::new('--allow-no-unsubscribe', '--allow-no-unsubscribe', [CompletionResultType]::ParameterName, 'Send marketing mail although it has no unsubscribe link of the recipient''s own')
            [CompletionResult]::new('--spreadsheet-safe', '--spreadsheet-safe', [CompletionResultType]::ParameterName, 'In CSV reports, put '' before cells that a spreadsheet would run as a formula')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--no-learn', '--no-learn', [CompletionResultType]::ParameterName, 'Learn nothing: write neither hard bounces nor what the provider suppresses to the suppression list')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mailbatch;reconcile' {
            [CompletionResult]::new('--assume', '--assume', [CompletionResultType]::ParameterName, 'Resolve all who are left, or each EMAIL, on your word, which is recorded')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--replay', '--replay', [CompletionResultType]::ParameterName, 'Send what is in doubt once more under the same idempotency key; this may hand over what was never taken')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mailbatch;pause' {
            [CompletionResult]::new('--campaign', '--campaign', [CompletionResultType]::ParameterName, 'Only the runs of this campaign, also of one that has none yet; {date}, {week} and {month} are filled in')
            [CompletionResult]::new('--kind', '--kind', [CompletionResultType]::ParameterName, 'Only mail of this kind: marketing, transactional')
            [CompletionResult]::new('--provider', '--provider', [CompletionResultType]::ParameterName, 'Only mail through this provider (its name under [providers])')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'The reason, which is shown wherever the pause stops something')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'End the pause by itself after this time: 30m, 2h')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Wait no longer than this, then exit 10; the pause stays')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait until nothing that is paused is under way, and print what became of it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;unpause' {
            [CompletionResult]::new('--campaign', '--campaign', [CompletionResultType]::ParameterName, 'Only the runs of this campaign, also of one that has none yet; {date}, {week} and {month} are filled in')
            [CompletionResult]::new('--kind', '--kind', [CompletionResultType]::ParameterName, 'Only mail of this kind: marketing, transactional')
            [CompletionResult]::new('--provider', '--provider', [CompletionResultType]::ParameterName, 'Only mail through this provider (its name under [providers])')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;status' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--open', '--open', [CompletionResultType]::ParameterName, 'List every run that is not finished, and the pauses in force; exit 1 where there is such a run, else 0')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Show it again whenever it changes, until the run ends')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;wait' {
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Give up after this long, with exit 10')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;runs' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List every run, newest first (the default)')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show one run')
            [CompletionResult]::new('rm', 'rm', [CompletionResultType]::ParameterValue, 'Remove a run''s rows; recipients it reached are still not mailed twice')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mailbatch;runs;list' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;runs;show' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;runs;rm' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;runs;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List every run, newest first (the default)')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show one run')
            [CompletionResult]::new('rm', 'rm', [CompletionResultType]::ParameterValue, 'Remove a run''s rows; recipients it reached are still not mailed twice')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mailbatch;runs;help;list' {
            break
        }
        'mailbatch;runs;help;show' {
            break
        }
        'mailbatch;runs;help;rm' {
            break
        }
        'mailbatch;runs;help;help' {
            break
        }
        'mailbatch;report' {
            [CompletionResult]::new('--trend', '--trend', [CompletionResultType]::ParameterName, 'Refusals, bounces, complaints and unsubscribes of all runs by week, provider and receiving domain, over the last TIME: 8w')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The report''s format (default: by the suffix of -o, else table)')
            [CompletionResult]::new('--outcome', '--outcome', [CompletionResultType]::ParameterName, 'Only these outcomes, such as rejected,unknown')
            [CompletionResult]::new('--domain', '--domain', [CompletionResultType]::ParameterName, 'Only recipients at these receiving domains')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only recipients last attempted since this time: 24h, 2027-01-31')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write to FILE instead of standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to FILE instead of standard output')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--spreadsheet-safe', '--spreadsheet-safe', [CompletionResultType]::ParameterName, 'Put '' before cells that a spreadsheet would run as a formula')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;why' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;who' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Suppress addresses, @domains or sha256: entries')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Take suppressions back; who did it is recorded')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Say whether an address is suppressed: exit 0 if it is, 9 if not')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List every suppression in force')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Add every entry of a file')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write every suppression in force')
            [CompletionResult]::new('sync', 'sync', [CompletionResultType]::ParameterValue, 'Bring our suppressions and a provider''s together; no entry is taken off either list')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Print the entries that only one of the two lists has: ours, or the provider''s')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mailbatch;suppress;add' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'hard_bounce, complaint, unsubscribe or manual')
            [CompletionResult]::new('--scope', '--scope', [CompletionResultType]::ParameterName, 'Which mail is stopped (default: by the reason; an unsubscribe stops marketing only)')
            [CompletionResult]::new('--note', '--note', [CompletionResultType]::ParameterName, 'A few words for the person who looks it up')
            [CompletionResult]::new('--expires', '--expires', [CompletionResultType]::ParameterName, 'Until when: 2027-01-31 or 2027-01-31T09:00:00Z')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The suppression file to add to (default: the configuration''s first)')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mailbatch;suppress;remove' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress;check' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress;list' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress;import' {
            [CompletionResult]::new('--preset', '--preset', [CompletionResultType]::ParameterName, 'The file is this service''s export of addresses that it does not mail')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'For entries without a reason of their own: hard_bounce, complaint, unsubscribe or manual')
            [CompletionResult]::new('--column', '--column', [CompletionResultType]::ParameterName, 'The column that holds the addresses, where several could be meant')
            [CompletionResult]::new('--encoding', '--encoding', [CompletionResultType]::ParameterName, 'The file''s character encoding, where it is not clear: utf-8, utf-16le, windows-1252')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'What stands between its fields, where it is not clear: one character, or tab')
            [CompletionResult]::new('--skip-lines', '--skip-lines', [CompletionResultType]::ParameterName, 'How many lines stand before its header')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress;export' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write to FILE instead of standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to FILE instead of standard output')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'format')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress;sync' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--pull', '--pull', [CompletionResultType]::ParameterName, 'Only add theirs to the first suppression file and the ledger')
            [CompletionResult]::new('--push', '--push', [CompletionResultType]::ParameterName, 'Only add ours to theirs, as far as their API takes them')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Change nothing, and say what would be')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress;diff' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress;help' {
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Suppress addresses, @domains or sha256: entries')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Take suppressions back; who did it is recorded')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Say whether an address is suppressed: exit 0 if it is, 9 if not')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List every suppression in force')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Add every entry of a file')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write every suppression in force')
            [CompletionResult]::new('sync', 'sync', [CompletionResultType]::ParameterValue, 'Bring our suppressions and a provider''s together; no entry is taken off either list')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Print the entries that only one of the two lists has: ours, or the provider''s')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mailbatch;suppress;help;add' {
            break
        }
        'mailbatch;suppress;help;remove' {
            break
        }
        'mailbatch;suppress;help;check' {
            break
        }
        'mailbatch;suppress;help;list' {
            break
        }
        'mailbatch;suppress;help;import' {
            break
        }
        'mailbatch;suppress;help;export' {
            break
        }
        'mailbatch;suppress;help;sync' {
            break
        }
        'mailbatch;suppress;help;diff' {
            break
        }
        'mailbatch;suppress;help;help' {
            break
        }
        'mailbatch;provider' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List them: kind, limits, and whether their secrets resolve')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Say what one can express, how much a request holds and how its replies are read')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Ask one whether it would take mail: credentials, sender, quota, age of the key; exit 7 if not')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mailbatch;provider;list' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;provider;show' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;provider;test' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;provider;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List them: kind, limits, and whether their secrets resolve')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Say what one can express, how much a request holds and how its replies are read')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Ask one whether it would take mail: credentials, sender, quota, age of the key; exit 7 if not')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mailbatch;provider;help;list' {
            break
        }
        'mailbatch;provider;help;show' {
            break
        }
        'mailbatch;provider;help;test' {
            break
        }
        'mailbatch;provider;help;help' {
            break
        }
        'mailbatch;listen' {
            [CompletionResult]::new('--addr', '--addr', [CompletionResultType]::ParameterName, 'Listen here instead of at listen.addr; port 0 takes a free one')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;events' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('ingest', 'ingest', [CompletionResultType]::ParameterValue, 'Read bounces and complaints out of mail; each counts once, however often it is read')
            [CompletionResult]::new('poll', 'poll', [CompletionResultType]::ParameterValue, 'Read a provider''s own log of events, from where the last poll ended; an event that a webhook delivered counts once')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List events, oldest first')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mailbatch;events;ingest' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Write nothing; print what each message says')
            [CompletionResult]::new('--any-recipient', '--any-recipient', [CompletionResultType]::ParameterName, 'Suppress recipients unknown to the ledger too. Mail can be forged, so otherwise only recipients of this workspace are suppressed')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;events;poll' {
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Begin so long ago, wherever the last poll ended; 24h where there has been none')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Write nothing; print each event')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;events;list' {
            [CompletionResult]::new('--run', '--run', [CompletionResultType]::ParameterName, 'Only events about this run')
            [CompletionResult]::new('--type', '--type', [CompletionResultType]::ParameterName, 'Only this type: delivered, bounced, complained, ...')
            [CompletionResult]::new('--email', '--email', [CompletionResultType]::ParameterName, 'Only events about this address, in any case')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;events;help' {
            [CompletionResult]::new('ingest', 'ingest', [CompletionResultType]::ParameterValue, 'Read bounces and complaints out of mail; each counts once, however often it is read')
            [CompletionResult]::new('poll', 'poll', [CompletionResultType]::ParameterValue, 'Read a provider''s own log of events, from where the last poll ended; an event that a webhook delivered counts once')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List events, oldest first')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mailbatch;events;help;ingest' {
            break
        }
        'mailbatch;events;help;poll' {
            break
        }
        'mailbatch;events;help;list' {
            break
        }
        'mailbatch;events;help;help' {
            break
        }
        'mailbatch;config' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Write a commented mailbatch.toml with a sandbox, and a sample message that works with any list; nothing is overwritten')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Read everything a send would read from the configuration, secrets included, and say whether it holds')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print the settings in force; secrets are shown by where they come from')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mailbatch;config;init' {
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'Write a sample with the columns of this list')
            [CompletionResult]::new('--email', '--email', [CompletionResultType]::ParameterName, 'The address column of that list, if it cannot be detected')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;config;validate' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;config;show' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Overlay [env.NAME] of the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Say for each setting where it was read')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;config;help' {
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Write a commented mailbatch.toml with a sandbox, and a sample message that works with any list; nothing is overwritten')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Read everything a send would read from the configuration, secrets included, and say whether it holds')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print the settings in force; secrets are shown by where they come from')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mailbatch;config;help;init' {
            break
        }
        'mailbatch;config;help;validate' {
            break
        }
        'mailbatch;config;help;show' {
            break
        }
        'mailbatch;config;help;help' {
            break
        }
        'mailbatch;completions' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;man' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;help' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration instead of the nearest mailbatch.toml upwards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object a line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing unless something is wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more; -vv shows debug messages, which may hold addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
