"""Sends the list with Python's smtplib over one connection: smtplib_loop.py HOST PORT DIR LIST

DIR holds subject, message.txt and message.html; `{{ name }}` in them is the column of that name.
"""

import csv
import html
import pathlib
import re
import smtplib
import sys
from email.message import EmailMessage


def fill(template, row):
    return re.sub(r"\{\{ (\w+) \}\}", lambda match: row[match.group(1)], template)


def main():
    host, port, directory, path = sys.argv[1:]
    parts = pathlib.Path(directory)
    subject, text, page, sender = ((parts / name).read_text() for name in ("subject", "message.txt", "message.html", "from"))
    with open(path, newline="") as file, smtplib.SMTP(host, int(port)) as connection:
        for row in csv.DictReader(file):
            message = EmailMessage()
            message["From"] = sender
            message["To"] = row["email"]
            message["Subject"] = fill(subject, row)
            message.set_content(fill(text, row))
            message.add_alternative(fill(page, {name: html.escape(value) for name, value in row.items()}), subtype="html")
            connection.send_message(message)


main()
