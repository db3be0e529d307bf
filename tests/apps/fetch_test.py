# SPDX-License-Identifier: Apache-2.0
"""bnas_data fetch against servers that go wrong. All of them are on this machine: proxies that nobody answers stand
between the program and every other one."""
import http.server
import os
import threading

import programs_test


class Handler(http.server.BaseHTTPRequestHandler):
    """/html: a page, /missing: 404, /short: less than announced, /endless: never ends, /loop: redirects to itself."""

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        kind = self.path.split("/")[1]
        self.server.asked.append(self.path)
        self.send_response({"missing": 404, "loop": 302}.get(kind, 200))
        if kind == "loop":
            self.send_header("Location", self.path)
        if kind == "short":
            self.send_header("Content-Length", "4542")
        self.end_headers()
        try:
            self.wfile.write(b"<html>try later</html>")
            while kind == "endless":
                self.wfile.write(bytes(1 << 20))
        except ConnectionError:
            pass  # the client has had enough


class Fetch(programs_test.Case):
    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.asked = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        for name in ("http_proxy", "https_proxy", "HTTPS_PROXY"):
            self.environment[name] = "http://127.0.0.1:9"
        self.environment["no_proxy"] = "127.0.0.1"

    def fetch(self, *arguments):
        return self.run_program("bnas_data", "fetch", *arguments)

    def mirror(self, kind):
        return f"http://127.0.0.1:{self.server.server_address[1]}/{kind}"

    def test_nothing_but_the_published_bytes_is_kept(self):
        kinds = {"html": "not the published file", "missing": "404", "short": "", "endless": "longer than the",
                 "loop": "redirects"}
        mirrors = [part for kind in kinds for part in ("--mirror", self.mirror(kind))]
        done = self.fetch("mnist", "--data-dir", self.path("data"), *mirrors)
        self.assertEqual(done.returncode, 66, done.stderr)
        self.assertEqual(done.stdout, "")
        for kind, problem in kinds.items():
            self.assertIn(f"/{kind}/train-images-idx3-ubyte.gz", self.server.asked)
            self.assertRegex(done.stderr, f"/{kind}/train-images-idx3-ubyte.gz: .*{problem}")
        self.assertIn("storage.googleapis.com", done.stderr)  # then the set's own mirrors, in order
        self.assertIn(f"put it into {self.path('data/mnist')}", done.stderr)
        self.assertEqual(os.listdir(self.path("data/mnist")), [])

    def test_where_sets_go(self):
        self.assertIn(self.path(".local/share/bnas/cifar-10"), self.fetch("cifar-10").stderr)
        self.environment["BNAS_DATA_DIR"] = self.path("sets")
        self.assertIn(self.path("sets/cifar-10"), self.fetch("cifar-10").stderr)

    def test_mistakes(self):
        self.refused(2, ["fetch", "imagenet"], "fetch knows fashion-mnist, mnist, cifar-10, cifar-100",
                     program="bnas_data")
        self.refused(2, ["fetch"], "fetch needs the name", program="bnas_data")
        self.refused(2, ["list", "--mirror", "x"], "--mirror belongs to fetch", program="bnas_data")


if __name__ == "__main__":
    programs_test.main({"fetch": Fetch})
