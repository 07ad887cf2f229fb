"""Sends the monthly letters."""

import smtplib

SMTP_PASSWORD = "{{password}}"
AWS_KEY = "{{aws_key}}"  # TODO: move to the vault
FALLBACK = '{{email}}'
TEST_CARD = "{{card}}"
CUSTOMER = {"name": "{{name}}", "ssn": "{{ssn}}", "mail": "{{email|escaped}}"}


def send(to: str = FALLBACK) -> None:
    """Ask {{email}} or call {{phone}} when this fails."""
    with smtplib.SMTP("smtp.internal", 587) as smtp:
        smtp.login("mailer", SMTP_PASSWORD)
        smtp.sendmail("noreply", [to], "Subject: your letter\n\n")
