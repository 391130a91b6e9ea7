"""A reverse proxy, as a process of its own: `python -m tests.api.reverse_proxy HOST:PORT` prints its port, and ends with stdin.

It does what the usual ones do: it passes the caller's Host on, adds its peer to `X-Forwarded-For` after what the caller claims,
and says by itself that the caller came over https. Everybody here has the same address in truth, so a header says whose it plays.
"""

from __future__ import annotations

import http.client
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BEHIND = "x-made-up-peer"
HOPS = ("connection", "keep-alive", "transfer-encoding", "content-length")


class Proxy(BaseHTTPRequestHandler):
    """Passes one request on."""

    protocol_version = "HTTP/1.1"
    target = ""

    def do_GET(self) -> None:
        sent = {name.lower(): value for name, value in self.headers.items() if name.lower() not in HOPS}
        peer, claimed = sent.pop(BEHIND), sent.get("x-forwarded-for")
        sent["x-forwarded-for"] = f"{claimed}, {peer}" if claimed else peer
        sent["x-forwarded-proto"] = "https"
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        onward = http.client.HTTPConnection(self.target, timeout=20)
        onward.request(self.command, self.path, body or None, sent)
        answer = onward.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOPS:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        onward.close()

    # The name is the library's.
    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        return


def main() -> None:
    """Serve until the input ends."""
    Proxy.target = sys.argv[1]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
