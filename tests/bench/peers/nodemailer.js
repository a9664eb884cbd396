// Sends the list with nodemailer's pool: nodemailer.js HOST PORT CONNECTIONS DIR LIST
// DIR holds subject, message.txt and message.html; `{{ name }}` in them is the column of that name, and
// `{% if name == 'value' %}...{% endif %}` a condition. An empty message.txt is left out.
'use strict';
const fs = require('fs');
const path = require('path');
const nodemailer = require('nodemailer');

const [host, port, connections, dir, list] = process.argv.slice(2);
const part = (name) => fs.readFileSync(path.join(dir, name), 'utf8');
const fill = (template, row) => template
    .replace(/\{% if (\w+) == '(\w+)' %\}(.*?)\{% endif %\}/gs, (_, name, value, then) => (row[name] === value ? then : ''))
    .replace(/\{\{ (\w+) \}\}/g, (_, name) => row[name]);
const escape = (value) => value.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
const escaped = (row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, escape(value)]));

const [subject, text, html, from] = ['subject', 'message.txt', 'message.html', 'from'].map(part);
const [header, ...lines] = fs.readFileSync(list, 'utf8').trimEnd().split('\n');
const columns = header.split(',');
const rows = lines.map((line) => {
    const values = line.split(',');
    return Object.fromEntries(columns.map((name, place) => [name, values[place]]));
});

const transport = nodemailer.createTransport({
    host, port: Number(port), secure: false, ignoreTLS: true, pool: true, maxConnections: Number(connections), maxMessages: Infinity,
});
let next = 0;
let open = rows.length;
const failed = (error) => { console.error(error.message); process.exit(1); };
transport.on('idle', () => {
    while (transport.isIdle() && next < rows.length) {
        const row = rows[next++];
        const message = { from, to: row.email, subject: fill(subject, row), text: text ? fill(text, row) : undefined, html: fill(html, escaped(row)) };
        transport.sendMail(message).then(() => { if (--open === 0) transport.close(); }, failed);
    }
});
