"""A mail server that keeps nothing: it takes mails by SMTP and tells each as a line of JSON (server/tests/it/alerts.rs, end2end/support).

With `--user` and `--password` it wants to be signed in to; with `--refuse ADDRESS` it refuses mail to that address for good."""

import argparse
import email
import email.policy
import json
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--user")
parser.add_argument("--password")
parser.add_argument("--refuse")
arguments = parser.parse_args()


def authenticate(server, session, envelope, mechanism, data):
    expected = (arguments.user.encode(), arguments.password.encode())
    return AuthResult(success=(data.login, data.password) == expected)


class Sink:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == arguments.refuse:
            return "550 there is nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        told = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": str(mail["Subject"]),
            "message_id": str(mail["Message-ID"]),
            "auto_submitted": str(mail["Auto-Submitted"]),
            "text": mail.get_content(),
        }
        print(json.dumps(told), flush=True)
        return "250 OK"


signing_in = {}
if arguments.user:
    signing_in = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}
controller = Controller(Sink(), hostname="127.0.0.1", port=arguments.port, **signing_in)
if arguments.port == 0:
    # The controller connects to its own port once it listens, so it has to know it.
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        controller.port = free.getsockname()[1]
controller.start()
print(f"mail sink listens on 127.0.0.1:{controller.port}", flush=True)
while True:
    time.sleep(3600)
