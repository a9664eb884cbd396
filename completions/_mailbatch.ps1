
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
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Check a list and send to it; repeat the same command to continue an interrupted run')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Find everything that `send` would refuse, without sending; write bad rows to LIST.rejected.csv')
            [CompletionResult]::new('preview', 'preview', [CompletionResultType]::ParameterValue, 'Show the message as a recipient gets it')
            [CompletionResult]::new('resume', 'resume', [CompletionResultType]::ParameterValue, 'Continue a run from the ledger alone, without reading its list again')
            [CompletionResult]::new('retry', 'retry', [CompletionResultType]::ParameterValue, 'Send again to the deferred recipients of a run')
            [CompletionResult]::new('reconcile', 'reconcile', [CompletionResultType]::ParameterValue, 'Resolve recipients whose outcome is unknown; sends nothing unless --replay')
            [CompletionResult]::new('pause', 'pause', [CompletionResultType]::ParameterValue, 'Stop all runs in this workspace, or those selected by a flag, until `unpause` (exit 12)')
            [CompletionResult]::new('unpause', 'unpause', [CompletionResultType]::ParameterValue, 'End a pause; select it with the same flag as in `pause`')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the state of a run: its progress, why it stopped, outcomes so far, and what to do next')
            [CompletionResult]::new('wait', 'wait', [CompletionResultType]::ParameterValue, 'Wait until a run ends, then exit with its exit code')
            [CompletionResult]::new('runs', 'runs', [CompletionResultType]::ParameterValue, 'List runs, show one, or remove one')
            [CompletionResult]::new('report', 'report', [CompletionResultType]::ParameterValue, 'Write a report: the outcome of each recipient of a run')
            [CompletionResult]::new('why', 'why', [CompletionResultType]::ParameterValue, 'Show every decision about one recipient of a run, oldest first')
            [CompletionResult]::new('who', 'who', [CompletionResultType]::ParameterValue, 'Show everything recorded about an address in all runs: messages, outcomes, bounces, complaints and suppressions; newest first')
            [CompletionResult]::new('suppress', 'suppress', [CompletionResultType]::ParameterValue, 'Manage the suppression list: addresses and domains that must not be mailed')
            [CompletionResult]::new('provider', 'provider', [CompletionResultType]::ParameterValue, 'Show and test the configured providers; no mail is sent')
            [CompletionResult]::new('listen', 'listen', [CompletionResultType]::ParameterValue, 'Receive provider events and one-click unsubscribes over HTTP, until SIGTERM or Ctrl-C')
            [CompletionResult]::new('events', 'events', [CompletionResultType]::ParameterValue, 'Read feedback about sent mail (bounces, complaints, ...) and list it')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Create, check and show the configuration')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Write the man pages, including the guides, into a directory')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print a guide, such as `help runbook`, or a command''s help')
            break
        }
        'mailbatch;send' {
            [CompletionResult]::new('--email-column', '--email-column', [CompletionResultType]::ParameterName, 'The column with the address')
            [CompletionResult]::new('--email', '--email', [CompletionResultType]::ParameterName, 'The column with the address')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The list''s format, if its name and content do not show it')
            [CompletionResult]::new('--encoding', '--encoding', [CompletionResultType]::ParameterName, 'The list''s character encoding, if detection is not certain: utf-8, utf-16le, windows-1252')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'The delimiter of a CSV list, if detection is not certain: one character, or tab')
            [CompletionResult]::new('--skip-lines', '--skip-lines', [CompletionResultType]::ParameterName, 'The number of lines before the header of a CSV list')
            [CompletionResult]::new('--where', '--where', [CompletionResultType]::ParameterName, 'Only rows that match this expression, such as "country == ''FI''"')
            [CompletionResult]::new('--dedupe', '--dedupe', [CompletionResultType]::ParameterName, 'Which addresses count as the same recipient: ci (ignoring case), exact, off')
            [CompletionResult]::new('--max-invalid', '--max-invalid', [CompletionResultType]::ParameterName, 'Refuse the list if more than this share of rows is invalid; rows without an address count only if the list seems damaged (see `mailbatch help lists`)')
            [CompletionResult]::new('--max-empty', '--max-empty', [CompletionResultType]::ParameterName, 'Refuse the list if more than this share of rows has an empty address')
            [CompletionResult]::new('--expect-count', '--expect-count', [CompletionResultType]::ParameterName, 'Refuse the list unless it has this many rows: 50000, 50000±2%, 50000+-2pct')
            [CompletionResult]::new('--suppress', '--suppress', [CompletionResultType]::ParameterName, 'Another suppression file, in addition to those of the configuration (repeatable)')
            [CompletionResult]::new('--message', '--message', [CompletionResultType]::ParameterName, 'The message file: .md, .html, .mjml or .txt')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'The From header')
            [CompletionResult]::new('--subject', '--subject', [CompletionResultType]::ParameterName, 'The subject (a template)')
            [CompletionResult]::new('--campaign', '--campaign', [CompletionResultType]::ParameterName, 'The campaign''s name; {date}, {week} and {month} are replaced')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('--provider', '--provider', [CompletionResultType]::ParameterName, 'The provider''s name under [providers]')
            [CompletionResult]::new('--canary', '--canary', [CompletionResultType]::ParameterName, 'Send to a small part first, judge the result, then send the rest: 5%, 5pct, or a number')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Send to at most N recipients; hold the others')
            [CompletionResult]::new('--redirect-all-to', '--redirect-all-to', [CompletionResultType]::ParameterName, 'Send every message to this address instead of its recipient')
            [CompletionResult]::new('--then', '--then', [CompletionResultType]::ParameterName, 'What to do after the canary passes (default: ask on a terminal, continue elsewhere)')
            [CompletionResult]::new('--canary-wait', '--canary-wait', [CompletionResultType]::ParameterName, 'How long to wait for bounces and complaints about the canary before sending the rest (default: 15m if the provider reports bounces)')
            [CompletionResult]::new('--canary-extend', '--canary-extend', [CompletionResultType]::ParameterName, 'Add recipients to a canary without a clear result, up to this share or number (25%)')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Send at most at this rate, if lower than the configured one: 50/s, 3000/min, 500/hour')
            [CompletionResult]::new('--on-cap', '--on-cap', [CompletionResultType]::ParameterName, 'What to do when an hourly or daily cap is reached')
            [CompletionResult]::new('--on-unknown', '--on-unknown', [CompletionResultType]::ParameterName, 'What to do with recipients whose outcome is unknown after an earlier attempt')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Also write the report to FILE; the suffix sets the format: csv, ndjson, json, html, xml, md (repeatable)')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'How to show progress')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'How often to write a plain progress line')
            [CompletionResult]::new('--fail-on', '--fail-on', [CompletionResultType]::ParameterName, 'Exit 3 if any recipient has one of these outcomes, such as unknown,suppressed')
            [CompletionResult]::new('--error-on', '--error-on', [CompletionResultType]::ParameterName, 'Treat these outcomes, and only these, as failures in the exit code and in CI reports (default: rejected, deferred, unknown, held)')
            [CompletionResult]::new('--fail-over', '--fail-over', [CompletionResultType]::ParameterName, 'Tolerate rejections of up to this share of the attempted recipients; more give exit 3')
            [CompletionResult]::new('--wait-lock', '--wait-lock', [CompletionResultType]::ParameterName, 'Wait this long for another run of the campaign to end (default: exit 11 at once)')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--skip-unrendered', '--skip-unrendered', [CompletionResultType]::ParameterName, 'Skip rows whose message cannot be rendered, instead of refusing the list')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Check and plan everything and show what a send would do, without sending')
            [CompletionResult]::new('--accept-changes', '--accept-changes', [CompletionResultType]::ParameterName, 'Send a changed message under the same campaign')
            [CompletionResult]::new('--again', '--again', [CompletionResultType]::ParameterName, 'Send even if most recipients got this message under another campaign')
            [CompletionResult]::new('--provider-sandbox', '--provider-sandbox', [CompletionResultType]::ParameterName, 'Use the provider''s own sandbox or test mode, so that no recipient gets mail; refused if the provider has none')
            [CompletionResult]::new('--ledger-lost', '--ledger-lost', [CompletionResultType]::ParameterName, 'Use when the ledger is lost: rebuild it from the reports of earlier runs, so that their recipients are not mailed again')
            [CompletionResult]::new('--error-on-empty', '--error-on-empty', [CompletionResultType]::ParameterName, 'Exit 9 if there is no recipient to send to')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Receive events and unsubscribes over HTTP during the run, as `listen` does')
            [CompletionResult]::new('--allow-example', '--allow-example', [CompletionResultType]::ParameterName, 'Allow From, links and unsubscribe URLs under reserved names such as example.com')
            [CompletionResult]::new('--allow-no-unsubscribe', '--allow-no-unsubscribe', [CompletionResultType]::ParameterName, 'Allow marketing mail without a per-recipient unsubscribe link')
            [CompletionResult]::new('--spreadsheet-safe', '--spreadsheet-safe', [CompletionResultType]::ParameterName, 'In CSV reports, put '' before cells that a spreadsheet would run as a formula')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--no-learn', '--no-learn', [CompletionResultType]::ParameterName, 'Do not add hard bounces or the provider''s suppressions to the suppression list')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mailbatch;check' {
            [CompletionResult]::new('--email-column', '--email-column', [CompletionResultType]::ParameterName, 'The column with the address')
            [CompletionResult]::new('--email', '--email', [CompletionResultType]::ParameterName, 'The column with the address')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The list''s format, if its name and content do not show it')
            [CompletionResult]::new('--encoding', '--encoding', [CompletionResultType]::ParameterName, 'The list''s character encoding, if detection is not certain: utf-8, utf-16le, windows-1252')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'The delimiter of a CSV list, if detection is not certain: one character, or tab')
            [CompletionResult]::new('--skip-lines', '--skip-lines', [CompletionResultType]::ParameterName, 'The number of lines before the header of a CSV list')
            [CompletionResult]::new('--where', '--where', [CompletionResultType]::ParameterName, 'Only rows that match this expression, such as "country == ''FI''"')
            [CompletionResult]::new('--dedupe', '--dedupe', [CompletionResultType]::ParameterName, 'Which addresses count as the same recipient: ci (ignoring case), exact, off')
            [CompletionResult]::new('--max-invalid', '--max-invalid', [CompletionResultType]::ParameterName, 'Refuse the list if more than this share of rows is invalid; rows without an address count only if the list seems damaged (see `mailbatch help lists`)')
            [CompletionResult]::new('--max-empty', '--max-empty', [CompletionResultType]::ParameterName, 'Refuse the list if more than this share of rows has an empty address')
            [CompletionResult]::new('--expect-count', '--expect-count', [CompletionResultType]::ParameterName, 'Refuse the list unless it has this many rows: 50000, 50000±2%, 50000+-2pct')
            [CompletionResult]::new('--suppress', '--suppress', [CompletionResultType]::ParameterName, 'Another suppression file, in addition to those of the configuration (repeatable)')
            [CompletionResult]::new('--message', '--message', [CompletionResultType]::ParameterName, 'The message file: .md, .html, .mjml or .txt')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'The From header')
            [CompletionResult]::new('--subject', '--subject', [CompletionResultType]::ParameterName, 'The subject (a template)')
            [CompletionResult]::new('--campaign', '--campaign', [CompletionResultType]::ParameterName, 'The campaign''s name; {date}, {week} and {month} are replaced')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('--provider', '--provider', [CompletionResultType]::ParameterName, 'The provider''s name under [providers]')
            [CompletionResult]::new('--rejected', '--rejected', [CompletionResultType]::ParameterName, 'Write the bad rows of all lists to FILE (default: LIST.rejected.csv next to each list)')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--skip-unrendered', '--skip-unrendered', [CompletionResultType]::ParameterName, 'Skip rows whose message cannot be rendered, instead of refusing the list')
            [CompletionResult]::new('--allow-example', '--allow-example', [CompletionResultType]::ParameterName, 'Allow From, links and unsubscribe URLs under reserved names such as example.com')
            [CompletionResult]::new('--allow-no-unsubscribe', '--allow-no-unsubscribe', [CompletionResultType]::ParameterName, 'Allow marketing mail without a per-recipient unsubscribe link')
            [CompletionResult]::new('--spreadsheet-safe', '--spreadsheet-safe', [CompletionResultType]::ParameterName, 'Put '' before cells that a spreadsheet would run as a formula')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mailbatch;preview' {
            [CompletionResult]::new('--row', '--row', [CompletionResultType]::ParameterName, 'Show the recipient in row N, counted from 1 (default: the first row whose message renders)')
            [CompletionResult]::new('--email', '--email', [CompletionResultType]::ParameterName, 'Show the recipient with this address (--email-column names the column)')
            [CompletionResult]::new('--sample', '--sample', [CompletionResultType]::ParameterName, 'Show N recipients, spread evenly over the list')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Write .eml files into DIR')
            [CompletionResult]::new('--email-column', '--email-column', [CompletionResultType]::ParameterName, 'The column with the address')
            [CompletionResult]::new('--dedupe', '--dedupe', [CompletionResultType]::ParameterName, 'Which addresses count as the same recipient: ci (ignoring case), exact, off')
            [CompletionResult]::new('--suppress', '--suppress', [CompletionResultType]::ParameterName, 'Another suppression file, in addition to those of the configuration (repeatable)')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The list''s format, if its name and content do not show it')
            [CompletionResult]::new('--encoding', '--encoding', [CompletionResultType]::ParameterName, 'The list''s character encoding, if detection is not certain: utf-8, utf-16le, windows-1252')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'The delimiter of a CSV list, if detection is not certain: one character, or tab')
            [CompletionResult]::new('--skip-lines', '--skip-lines', [CompletionResultType]::ParameterName, 'The number of lines before the header of a CSV list')
            [CompletionResult]::new('--where', '--where', [CompletionResultType]::ParameterName, 'Only rows that match this expression, such as "country == ''FI''"')
            [CompletionResult]::new('--message', '--message', [CompletionResultType]::ParameterName, 'The message file: .md, .html, .mjml or .txt')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'The From header')
            [CompletionResult]::new('--subject', '--subject', [CompletionResultType]::ParameterName, 'The subject (a template)')
            [CompletionResult]::new('--campaign', '--campaign', [CompletionResultType]::ParameterName, 'The campaign''s name; {date}, {week} and {month} are replaced')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('--provider', '--provider', [CompletionResultType]::ParameterName, 'The provider''s name under [providers]')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--worst', '--worst', [CompletionResultType]::ParameterName, 'Show the recipient with the longest message')
            [CompletionResult]::new('--open', '--open', [CompletionResultType]::ParameterName, 'Open the message in the system''s program for .eml files')
            [CompletionResult]::new('--error-on-empty', '--error-on-empty', [CompletionResultType]::ParameterName, 'Exit 9 if `send` would mail none of the recipients shown')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mailbatch;resume' {
            [CompletionResult]::new('--then', '--then', [CompletionResultType]::ParameterName, 'What to do after the canary passes (default: ask on a terminal, continue elsewhere)')
            [CompletionResult]::new('--canary-wait', '--canary-wait', [CompletionResultType]::ParameterName, 'How long to wait for bounces and complaints about the canary before sending the rest (default: 15m if the provider reports bounces)')
            [CompletionResult]::new('--canary-extend', '--canary-extend', [CompletionResultType]::ParameterName, 'Add recipients to a canary without a clear result, up to this share or number (25%)')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Send at most at this rate, if lower than the configured one: 50/s, 3000/min, 500/hour')
            [CompletionResult]::new('--on-cap', '--on-cap', [CompletionResultType]::ParameterName, 'What to do when an hourly or daily cap is reached')
            [CompletionResult]::new('--on-unknown', '--on-unknown', [CompletionResultType]::ParameterName, 'What to do with recipients whose outcome is unknown after an earlier attempt')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Also write the report to FILE; the suffix sets the format: csv, ndjson, json, html, xml, md (repeatable)')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'How to show progress')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'How often to write a plain progress line')
            [CompletionResult]::new('--fail-on', '--fail-on', [CompletionResultType]::ParameterName, 'Exit 3 if any recipient has one of these outcomes, such as unknown,suppressed')
            [CompletionResult]::new('--error-on', '--error-on', [CompletionResultType]::ParameterName, 'Treat these outcomes, and only these, as failures in the exit code and in CI reports (default: rejected, deferred, unknown, held)')
            [CompletionResult]::new('--fail-over', '--fail-over', [CompletionResultType]::ParameterName, 'Tolerate rejections of up to this share of the attempted recipients; more give exit 3')
            [CompletionResult]::new('--wait-lock', '--wait-lock', [CompletionResultType]::ParameterName, 'Wait this long for another run of the campaign to end (default: exit 11 at once)')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--continue', '--continue', [CompletionResultType]::ParameterName, 'Send the rest although the canary failed or waits for a decision')
            [CompletionResult]::new('--abandon', '--abandon', [CompletionResultType]::ParameterName, 'Close the run without sending the rest; those recipients keep the outcome `held`')
            [CompletionResult]::new('--as-planned', '--as-planned', [CompletionResultType]::ParameterName, 'Continue with the message and rows as planned; ignore changed files')
            [CompletionResult]::new('--accept-changes', '--accept-changes', [CompletionResultType]::ParameterName, 'Plan the remaining recipients again, with the current message, list and configuration')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Receive events and unsubscribes over HTTP during the run, as `listen` does')
            [CompletionResult]::new('--allow-example', '--allow-example', [CompletionResultType]::ParameterName, 'Allow From, links and unsubscribe URLs under reserved names such as example.com')
            [CompletionResult]::new('--allow-no-unsubscribe', '--allow-no-unsubscribe', [CompletionResultType]::ParameterName, 'Allow marketing mail without a per-recipient unsubscribe link')
            [CompletionResult]::new('--spreadsheet-safe', '--spreadsheet-safe', [CompletionResultType]::ParameterName, 'In CSV reports, put '' before cells that a spreadsheet would run as a formula')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--no-learn', '--no-learn', [CompletionResultType]::ParameterName, 'Do not add hard bounces or the provider''s suppressions to the suppression list')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mailbatch;retry' {
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Which outcomes to send again: rejected, deferred, held')
            [CompletionResult]::new('--then', '--then', [CompletionResultType]::ParameterName, 'What to do after the canary passes (default: ask on a terminal, continue elsewhere)')
            [CompletionResult]::new('--canary-wait', '--canary-wait', [CompletionResultType]::ParameterName, 'How long to wait for bounces and complaints about the canary before sending the rest (default: 15m if the provider reports bounces)')
            [CompletionResult]::new('--canary-extend', '--canary-extend', [CompletionResultType]::ParameterName, 'Add recipients to a canary without a clear result, up to this share or number (25%)')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Send at most at this rate, if lower than the configured one: 50/s, 3000/min, 500/hour')
            [CompletionResult]::new('--on-cap', '--on-cap', [CompletionResultType]::ParameterName, 'What to do when an hourly or daily cap is reached')
            [CompletionResult]::new('--on-unknown', '--on-unknown', [CompletionResultType]::ParameterName, 'What to do with recipients whose outcome is unknown after an earlier attempt')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Also write the report to FILE; the suffix sets the format: csv, ndjson, json, html, xml, md (repeatable)')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'How to show progress')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'How often to write a plain progress line')
            [CompletionResult]::new('--fail-on', '--fail-on', [CompletionResultType]::ParameterName, 'Exit 3 if any recipient has one of these outcomes, such as unknown,suppressed')
            [CompletionResult]::new('--error-on', '--error-on', [CompletionResultType]::ParameterName, 'Treat these outcomes, and only these, as failures in the exit code and in CI reports (default: rejected, deferred, unknown, held)')
            [CompletionResult]::new('--fail-over', '--fail-over', [CompletionResultType]::ParameterName, 'Tolerate rejections of up to this share of the attempted recipients; more give exit 3')
            [CompletionResult]::new('--wait-lock', '--wait-lock', [CompletionResultType]::ParameterName, 'Wait this long for another run of the campaign to end (default: exit 11 at once)')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--as-planned', '--as-planned', [CompletionResultType]::ParameterName, 'Continue with the message and rows as planned; ignore changed files')
            [CompletionResult]::new('--accept-changes', '--accept-changes', [CompletionResultType]::ParameterName, 'Plan the remaining recipients again, with the current message, list and configuration')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Receive events and unsubscribes over HTTP during the run, as `listen` does')
            [CompletionResult]::new('--allow-example', '--allow-example', [CompletionResultType]::ParameterName, 'Allow From, links and unsubscribe URLs under reserved names such as example.com')
            [CompletionResult]::new('--allow-no-unsubscribe', '--allow-no-unsubscribe', [CompletionResultType]::ParameterName, 'Allow marketing mail without a per-recipient unsubscribe link')
            [CompletionResult]::new('--spreadsheet-safe', '--spreadsheet-safe', [CompletionResultType]::ParameterName, 'In CSV reports, put '' before cells that a spreadsheet would run as a formula')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--no-learn', '--no-learn', [CompletionResultType]::ParameterName, 'Do not add hard bounces or the provider''s suppressions to the suppression list')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mailbatch;reconcile' {
            [CompletionResult]::new('--assume', '--assume', [CompletionResultType]::ParameterName, 'Set the outcome of all remaining recipients, or of each EMAIL; the decision is recorded')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--replay', '--replay', [CompletionResultType]::ParameterName, 'Repeat requests whose outcome is unknown, with the same idempotency key; recipients that the provider had not accepted then get the message')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mailbatch;pause' {
            [CompletionResult]::new('--campaign', '--campaign', [CompletionResultType]::ParameterName, 'Only runs of this campaign, current and future; {date}, {week} and {month} are replaced')
            [CompletionResult]::new('--kind', '--kind', [CompletionResultType]::ParameterName, 'Only mail of this kind: marketing, transactional')
            [CompletionResult]::new('--provider', '--provider', [CompletionResultType]::ParameterName, 'Only mail through this provider (its name under [providers])')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'The reason, shown by every command that the pause stops')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'End the pause automatically after this time: 30m, 2h')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Stop waiting after this time with exit 10; the pause remains')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait until the affected runs have stopped, then print the recipients'' outcomes')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;unpause' {
            [CompletionResult]::new('--campaign', '--campaign', [CompletionResultType]::ParameterName, 'Only runs of this campaign, current and future; {date}, {week} and {month} are replaced')
            [CompletionResult]::new('--kind', '--kind', [CompletionResultType]::ParameterName, 'Only mail of this kind: marketing, transactional')
            [CompletionResult]::new('--provider', '--provider', [CompletionResultType]::ParameterName, 'Only mail through this provider (its name under [providers])')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;status' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--open', '--open', [CompletionResultType]::ParameterName, 'List unfinished runs and the pauses in force; exit 1 if any run is unfinished, else 0')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Print the state again at each change, until the run ends')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;wait' {
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Stop waiting after this time, with exit 10')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;runs' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List every run, newest first (the default)')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show one run')
            [CompletionResult]::new('rm', 'rm', [CompletionResultType]::ParameterValue, 'Remove a run''s rows; recipients whose mail was accepted are remembered, so later runs of the campaign do not mail them again')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mailbatch;runs;list' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;runs;show' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;runs;rm' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask for confirmation')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;runs;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List every run, newest first (the default)')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show one run')
            [CompletionResult]::new('rm', 'rm', [CompletionResultType]::ParameterValue, 'Remove a run''s rows; recipients whose mail was accepted are remembered, so later runs of the campaign do not mail them again')
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
            [CompletionResult]::new('--trend', '--trend', [CompletionResultType]::ParameterName, 'Show rejections, bounces, complaints and unsubscribes of all runs by week, provider and receiving domain, over this time: 8w')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The report''s format (default: by the suffix of the -o file, else table)')
            [CompletionResult]::new('--outcome', '--outcome', [CompletionResultType]::ParameterName, 'Only recipients with these outcomes, such as rejected,unknown')
            [CompletionResult]::new('--domain', '--domain', [CompletionResultType]::ParameterName, 'Only recipients at these receiving domains')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only recipients last attempted since this time: 24h, 2027-01-31')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write to FILE instead of standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to FILE instead of standard output')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--spreadsheet-safe', '--spreadsheet-safe', [CompletionResultType]::ParameterName, 'Put '' before cells that a spreadsheet would run as a formula')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;why' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;who' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Suppress addresses, domains (@example.org) or hashed addresses (sha256:HEX)')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'End suppressions; your user name is recorded')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check whether an address is suppressed: exit 0 if it is, 9 if not')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List all suppressions in force')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Add all entries of a file')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Export all suppressions in force as CSV or NDJSON')
            [CompletionResult]::new('sync', 'sync', [CompletionResultType]::ParameterValue, 'Copy suppressions between this workspace and a provider, in both directions; entries are only added, never removed')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Print the suppressions that only this workspace or only the provider has')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mailbatch;suppress;add' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'The reason: hard_bounce, complaint, unsubscribe or manual')
            [CompletionResult]::new('--scope', '--scope', [CompletionResultType]::ParameterName, 'Which mail to stop (default: marketing for an unsubscribe, else all)')
            [CompletionResult]::new('--note', '--note', [CompletionResultType]::ParameterName, 'A note to store with the entry')
            [CompletionResult]::new('--expires', '--expires', [CompletionResultType]::ParameterName, 'End the suppression at this time: 2027-01-31 or 2027-01-31T09:00:00Z')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The suppression file to add to (default: the first one of the configuration)')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mailbatch;suppress;remove' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress;check' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress;list' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress;import' {
            [CompletionResult]::new('--preset', '--preset', [CompletionResultType]::ParameterName, 'The service whose suppression export the file is')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'The reason for entries without one: hard_bounce, complaint, unsubscribe or manual')
            [CompletionResult]::new('--column', '--column', [CompletionResultType]::ParameterName, 'The column with the addresses, if mailbatch cannot detect it')
            [CompletionResult]::new('--encoding', '--encoding', [CompletionResultType]::ParameterName, 'The file''s character encoding, if detection is not certain: utf-8, utf-16le, windows-1252')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'The file''s delimiter, if detection is not certain: one character, or tab')
            [CompletionResult]::new('--skip-lines', '--skip-lines', [CompletionResultType]::ParameterName, 'The number of lines before the file''s header')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress;export' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write to FILE instead of standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to FILE instead of standard output')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'format')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress;sync' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--pull', '--pull', [CompletionResultType]::ParameterName, 'Only copy the provider''s suppressions to the first suppression file and the ledger')
            [CompletionResult]::new('--push', '--push', [CompletionResultType]::ParameterName, 'Only copy suppressions of this workspace to the provider, as far as its API accepts them')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Change nothing; print what would change')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress;diff' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;suppress;help' {
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Suppress addresses, domains (@example.org) or hashed addresses (sha256:HEX)')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'End suppressions; your user name is recorded')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check whether an address is suppressed: exit 0 if it is, 9 if not')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List all suppressions in force')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Add all entries of a file')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Export all suppressions in force as CSV or NDJSON')
            [CompletionResult]::new('sync', 'sync', [CompletionResultType]::ParameterValue, 'Copy suppressions between this workspace and a provider, in both directions; entries are only added, never removed')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Print the suppressions that only this workspace or only the provider has')
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
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the providers: kind, limits, and whether their secrets can be read')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a provider''s features, request sizes and how its replies are read')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Ask a provider whether it would accept mail (credentials, sender, quota, age of the key); exit 7 if not')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mailbatch;provider;list' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;provider;show' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;provider;test' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;provider;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the providers: kind, limits, and whether their secrets can be read')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a provider''s features, request sizes and how its replies are read')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Ask a provider whether it would accept mail (credentials, sender, quota, age of the key); exit 7 if not')
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
            [CompletionResult]::new('--addr', '--addr', [CompletionResultType]::ParameterName, 'Listen on this address instead of listen.addr; port 0 picks a free port')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;events' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('ingest', 'ingest', [CompletionResultType]::ParameterValue, 'Read bounces and complaints from mail files; a message that is read twice counts once')
            [CompletionResult]::new('poll', 'poll', [CompletionResultType]::ParameterValue, 'Read new events from a provider''s event log; events already received by webhook count once')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List events, oldest first')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mailbatch;events;ingest' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Record nothing; print the events found in each message')
            [CompletionResult]::new('--any-recipient', '--any-recipient', [CompletionResultType]::ParameterName, 'Also suppress recipients that the ledger does not know. By default only recipients of this workspace are suppressed, because mail can be forged')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;events;poll' {
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Start this long ago instead of at the end of the last poll (default for the first poll: 24h)')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Record nothing; print each event')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;events;list' {
            [CompletionResult]::new('--run', '--run', [CompletionResultType]::ParameterName, 'Only events about this run')
            [CompletionResult]::new('--type', '--type', [CompletionResultType]::ParameterName, 'Only events of this type: delivered, bounced, complained, ...')
            [CompletionResult]::new('--email', '--email', [CompletionResultType]::ParameterName, 'Only events about this address (case-insensitive)')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;events;help' {
            [CompletionResult]::new('ingest', 'ingest', [CompletionResultType]::ParameterValue, 'Read bounces and complaints from mail files; a message that is read twice counts once')
            [CompletionResult]::new('poll', 'poll', [CompletionResultType]::ParameterValue, 'Read new events from a provider''s event log; events already received by webhook count once')
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
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Write a commented mailbatch.toml with a sandbox provider and a sample message that works with any list; existing files are not overwritten')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check all settings that a send would read, including secrets, and report errors')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print the settings in force; for a secret, print its source instead of its value')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mailbatch;config;init' {
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'Write a sample message that uses the columns of this list')
            [CompletionResult]::new('--email', '--email', [CompletionResultType]::ParameterName, 'The address column of that list, if mailbatch cannot detect it')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;config;validate' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;config;show' {
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also use the settings under [env.NAME] in the configuration')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Show where each setting was read')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;config;help' {
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Write a commented mailbatch.toml with a sandbox provider and a sample message that works with any list; existing files are not overwritten')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check all settings that a send would read, including secrets, and report errors')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print the settings in force; for a secret, print its source instead of its value')
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
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;man' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mailbatch;help' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Work as if started in DIR; paths on the command line are relative to it')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this configuration file instead of the nearest mailbatch.toml')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write results to standard output as JSON, one object per line')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more; -vv prints debug messages, which may contain addresses')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
