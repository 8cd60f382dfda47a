"""Ways to a management point: revocation lists, Windows logins, an HTTP proxy
in between, an ISV proxy that the console knows. Each with what goes wrong on
it: then one sentence, and nothing is sent."""
import http.server
import shutil
import socket
import subprocess
import sys
import threading
import unittest

import house

sys.path.append(str(house.ROOT / "tests/mpsim"))
import samples  # pylint: disable=wrong-import-position


class Revocation(house.Case):
    """A management point whose certificate names a list."""

    def ask(self, mode, cache, **options):
        """Asks for the list of MPs with --crl; how it ended."""
        with house.Point(self.point_dir, "--crl-port", "0", "--crl", mode,
                         **options) as point:
            point.forget()
            done = self.sealpoint(
                "mp", "list", "--crl", "--timeout", "5",
                *point.options(self.rsa, cache))
            seen = [v["kind"] for v in point.verdicts()]
            return done, seen

    def test_a_good_list_is_fetched_once(self):
        cache = self.work / "state"
        cache.mkdir(mode=0o700)
        with house.Point(self.point_dir, "--crl-port", "0") as point:
            point.forget()
            for _ in range(3):
                self.does("mp", "list", "--crl",
                          *point.options(self.rsa, cache))
            kinds = [v["kind"] for v in point.verdicts()]
        self.assertEqual(kinds.count("crl"), 1)
        self.assertEqual(kinds.count("document"), 3)
        self.assertEqual(len(list(cache.glob("*.crl"))), 1)

    def test_without_a_good_list_nothing_is_asked(self):
        said = {"revoked": "was revoked by its issuer",
                "expired": "is stale", "missing": "is missing",
                "garbage": "not a DER CRL",
                "wrong-issuer": "not its issuer's|signature failure",
                "hanging": "is missing"}
        for mode, words in said.items():
            with self.subTest(mode):
                done, seen = self.ask(mode, self.work / mode)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertEqual(done.stdout, "")
                self.assertRegex(done.stderr, words)
                self.assertIn("CN=", done.stderr)
                self.assertNotIn("document", seen)

    def test_a_revoked_management_point_gets_no_message(self):
        """Though it was believed before, without the check."""
        report = self.work / "report.xml"
        with house.Point(self.point_dir) as point:
            smsid = self.asks("register", *point.options(
                self.rsa, self.work / "state"), "--wait", "30")["smsid"]
        report.write_text(samples.hinv(smsid))
        for mode, flags, says in (
                ("revoked", "sign,crl", "was revoked by its issuer"),
                ("missing", "sign,crl", "is missing"),
                ("revoked", "sign", None)):
            with house.Point(self.point_dir, "--crl-port", "0", "--crl",
                             mode, port=point.port) as point:
                point.forget()
                options = point.options(self.rsa, self.work / "state")
                if says is None:
                    self.does("send", "hinv", report, *options, "--flags",
                              flags)
                else:
                    self.refuses("send", "hinv", report, *options, "--flags",
                                 flags, says=says)
                kinds = {v["kind"] for v in point.verdicts()}
                self.assertEqual("hinv" in kinds, says is None, kinds)

    def test_a_certificate_without_a_list_is_refused(self):
        with house.Point(self.point_dir) as point:
            self.refuses("mp", "list", "--crl",
                         *point.options(self.rsa, self.work / "s"),
                         says="names no revocation list")


class Windows(house.Case):
    """A management point that wants NTLM."""

    @classmethod
    def prepare(cls):
        cls.password = cls.dir / "password"
        cls.password.write_text("hunter2\n")
        cls.login = cls.dir / "login"
        cls.login.write_text("EXAMPLE\\joe:hunter2\n")
        cls.wrong = cls.dir / "wrong"
        cls.wrong.write_text("EXAMPLE\\joe:hunter3\n")
        for path in (cls.login, cls.wrong):
            path.chmod(0o600)
        cls.point_options = ("--windows-auth", "--user",
                             f"EXAMPLE\\joe:{cls.password}")

    def options(self, login):
        return [*self.point.options(self.rsa, self.work / "s"), "--auth",
                "windows", "--auth-file", login]

    def test_registration_and_policy_go_by_a_windows_login(self):
        self.point.forget()
        options = self.options(self.login)
        self.asks("register", *options, "--wait", "30")
        policies = self.asks("policy", "list", *options)
        plain = [p["id"] for p in policies if not int(p["flags"]) & 7]
        self.does("policy", "get", plain[0], *options, "-o",
                  self.work / "policy.xml")
        paths = {v["path"].split("?")[0].lower()
                 for v in self.point.verdicts()}
        self.assertEqual(paths, {"/ccm_system_windowsauth/request",
                                 "/sms_mp_windowsauth/.sms_pol"})

    def test_a_wrong_password_is_told_and_not_shown(self):
        said = self.refuses("register", *self.options(self.wrong), "--wait",
                            "0", says=("401", "login file"))
        self.assertNotIn("hunter", said)

    def test_a_login_that_others_may_read_is_refused(self):
        path = self.work / "open"
        shutil.copy(self.login, path)
        path.chmod(0o644)
        self.refuses("register", *self.options(path), says="chmod 600")


class Tunnel(http.server.BaseHTTPRequestHandler):
    """CONNECT, for who knows the password."""

    protocol_version = "HTTP/1.1"

    def do_CONNECT(self):  # pylint: disable=invalid-name
        server = self.server
        server.asked.append(self.path)
        if self.headers.get("Proxy-Authorization") != server.login:
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="test"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), 10) as there:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=self.pump,
                                    args=(there, self.connection))
            back.start()
            self.pump(self.connection, there)
            back.join()
        self.close_connection = True

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def log_message(self, *_):  # pylint: disable=arguments-differ
        """Says nothing."""


class Proxy(house.Case):
    """An Internet-based client behind an HTTP proxy."""

    point_options = ()

    @classmethod
    def prepare(cls):
        cls.proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tunnel)
        cls.proxy.asked = []
        cls.proxy.login = "Basic am9lOmh1bnRlcjI="
        cls.proxy.daemon_threads = True
        thread = threading.Thread(target=cls.proxy.serve_forever, daemon=True)
        thread.start()
        cls.held.callback(cls.proxy.server_close)
        cls.held.callback(cls.proxy.shutdown)
        cls.login = cls.dir / "login"
        cls.login.write_text("joe:hunter2\n")
        cls.login.chmod(0o600)

    def options(self, *more):
        host, port = self.proxy.server_address
        return [*self.point.options(self.rsa, self.work / "s"),
                "--http-proxy", f"http://{host}:{port}", *more]

    def test_an_internet_based_client_registers_through_it(self):
        self.proxy.asked.clear()
        self.point.forget()
        self.asks("register", *self.options(
            "--internet", "1", "--http-proxy-auth", self.login))
        self.verdicts_are_clean()
        self.assertEqual(set(self.proxy.asked),
                         {f"localhost:{self.point.port}"})

    def test_without_its_login_nothing_gets_through(self):
        self.point.forget()
        self.refuses("mp", "list", *self.options("--internet", "2"),
                     says=("http proxy", "407"))
        self.assertEqual(self.point.verdicts(), [])

    def test_others_have_no_business_with_a_proxy(self):
        self.proxy.asked.clear()
        self.refuses("mp", "list", *self.options("--internet", "0"),
                     says="internet-based", status=2)
        self.does("mp", "list",
                  *self.point.options(self.rsa, self.work / "s"),
                  env={"https_proxy": "http://127.0.0.1:1",
                       "HTTPS_PROXY": "http://127.0.0.1:1",
                       "ALL_PROXY": "http://127.0.0.1:1"})
        self.assertEqual(self.proxy.asked, [])


class Imported(house.Case):
    """An ISV proxy whose certificate the console imported."""

    point_options = ()

    def test_it_speaks_for_its_clients_without_registering(self):
        done = subprocess.run(
            [house.MPSIM, "--dir", self.point_dir, "--import",
             self.token.certificate("rsa")],
            check=True, capture_output=True, text=True, timeout=60)
        proxy = done.stdout.split()[-1]
        options = [o for o in self.point.options(self.rsa, self.work / "s")
                   if o not in house.NAMES]
        client = self.asks(
            "register", *options, "--as", "proxy-client", "--proxy", proxy,
            "--netbios", "VM7", "--fqdn", "vm7.example.com")
        self.point.forget()
        report = self.work / "state.xml"
        report.write_text(
            samples.state(client["smsid"]).replace(">PC1<", ">VM7<"))
        self.does("send", "state", report, *options, "--client",
                  client["smsid"])
        self.verdicts_are_clean()
        self.assertEqual(self.point.verdicts()[0]["client_id"],
                         client["smsid"])


if __name__ == "__main__":
    unittest.main()
