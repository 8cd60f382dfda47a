"""Who a client is to HTTP: a Kerberos ticket or a Windows login at the
windowsauth URLs, in both modes, and nothing at the altauth URLs of a
management point that does without client certificates."""
import os
import shutil
import sys
import time
import unittest
from unittest import mock

import house

sys.path.append(str(house.ROOT / "tests/mpsim"))
import realm  # pylint: disable=wrong-import-position
import samples  # pylint: disable=wrong-import-position

WINDOWS = {"/ccm_system_windowsauth/request",
           "/sms_mp_windowsauth/.sms_pol"}
ALTERNATE = {"/ccm_system_altauth/request", "/sms_mp_altauth/.sms_pol"}
JOE = "EXAMPLE\\joe"


class Way(house.Case):
    """Ways to several management points, each with a directory of its own:
    in native mode with a certificate of the PKI, in mixed mode with one that
    the token's key signed itself."""

    auth = "none"

    @classmethod
    def prepare(cls):
        cls.own = cls.token.self_signed("own", "10")

    @classmethod
    def management_point(cls, name, *options, tls=True):
        directory = cls.dir / name
        shutil.copytree(cls.point_dir, directory)
        return cls.held.enter_context(
            house.Point(directory, *options, tls=tls))

    def goes_to(self, point):
        self.point = point
        self.key = self.rsa if point.tls else self.own
        point.forget()

    def options(self, *more):
        return [*self.point.options(self.key, self.work / "state"),
                "--auth", self.auth, "--timeout", "20", *more]

    def login(self, text):
        """A file that holds it."""
        path = self.work / "login"
        path.write_text(text + "\n")
        path.chmod(0o600)
        return path

    def report(self, smsid, rows=0):
        path = self.work / "report.xml"
        path.write_text(samples.hinv(smsid).replace(
            "<ReportBody>", "<ReportBody>" + rows * samples.instance(
                "Win32_BIOS", ("Name", "x" * 1000))))
        return path

    def goes_all_the_way(self, paths, *more):
        """Registers, sends an inventory, lists policies and reads one, all
        by these URLs; the verdicts on it."""
        options = self.options(*more)
        smsid = self.asks("register", *options, "--wait", "30")["smsid"]
        self.does("send", "hinv", self.report(smsid), *options)
        policies = self.asks("policy", "list", *options)
        plain = [p["id"] for p in policies if not int(p["flags"]) & 7]
        self.does("policy", "get", plain[0], *options, "-o",
                  self.work / "policy.xml")
        self.verdicts_are_clean()
        self.assertEqual({v["path"].partition("?")[0].lower()
                          for v in self.point.verdicts()}, paths)
        self.assertEqual({v["kind"] for v in self.welcome()},
                         {"registration", "hinv", "assignments", "policy"})
        return self.welcome()

    def welcome(self):
        """What came through to the management point itself."""
        return [v for v in self.point.verdicts()
                if v["kind"] != "authentication"]


class Windows(Way):
    """Management points that want a Windows login: tickets of a KDC of this
    test's own, or NTLM."""

    auth = "windows"

    @classmethod
    def prepare(cls):
        super().prepare()
        directory = cls.dir / "realm"
        directory.mkdir(mode=0o700)
        cls.realm = realm.Realm(directory)
        cls.held.callback(cls.realm.end)
        cls.held.enter_context(
            mock.patch.dict(os.environ, cls.realm.environment()))
        cls.realm.log_in()
        cls.realm.log_in("short", "1s")
        cls.expiry = time.monotonic() + 2 + realm.SKEW_S

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tickets = ("--windows-auth", "--keytab", cls.realm.keytab,
                   "--service", cls.realm.service)
        password = cls.dir / "password"
        password.write_text("hunter2\n")
        cls.native = cls.management_point("native", *tickets)
        cls.mixed = cls.management_point("mixed", *tickets, tls=False)
        cls.ntlm = cls.management_point(
            "ntlm", "--windows-auth", "--user", f"{JOE}:{password}",
            tls=False)

    def goes_as(self, user, *more):
        for verdict in self.goes_all_the_way(WINDOWS, *more):
            self.assertEqual(verdict["notes"]["user"], user)

    def is_not_let_in(self, *more, says, env=None):
        """Registers, in vain: nothing but 401 is seen there."""
        said = self.refuses("register", *self.options(*more), "--wait", "0",
                            says=("401", *says), env=env)
        self.assertNotIn("hunter", said)
        self.assertEqual(self.welcome(), [])
        self.assertEqual({v["answered"]["status"]
                          for v in self.point.verdicts()}, {401})

    def test_a_ticket_takes_its_user_all_the_way(self):
        for point in (self.native, self.mixed):
            self.goes_to(point)
            self.goes_as(self.realm.user)

    def test_without_a_ticket_nobody_is_let_in(self):
        for point in (self.native, self.mixed):
            self.goes_to(point)
            self.is_not_let_in(says=["credentials", "kinit"],
                               env=self.realm.environment("none"))
            self.verdicts_are_clean()

    def test_an_expired_ticket_is_worth_nothing(self):
        house.wait_for(lambda: time.monotonic() > self.expiry, "its end")
        self.goes_to(self.native)
        self.is_not_let_in(says=["ticket expired", "kinit"],
                           env=self.realm.environment("short"))
        self.verdicts_are_clean()

    def test_a_ticket_for_another_service_is_refused(self):
        """The KDC has a key for that name, and so a ticket; the management
        point goes by another."""
        self.goes_to(self.native)
        with mock.patch.object(self.point, "url", self.point.url.replace(
                "localhost", "127.0.0.1")):
            self.is_not_let_in(says=["does not take", "kerberos ticket"])
        last = self.point.verdicts()[-1]
        self.assertIs(last["checks"]["negotiate.ticket"], False, last)

    def test_a_password_is_no_ticket(self):
        self.goes_to(self.native)
        self.is_not_let_in("--auth-file", self.login(f"{JOE}:hunter2"),
                           says=["login file"])

    def test_a_password_takes_its_user_all_the_way(self):
        """In mixed mode; test_ways.py goes there in native mode."""
        self.goes_to(self.ntlm)
        self.goes_as(JOE, "--auth-file", self.login(f"{JOE}:hunter2"))

    def test_another_password_or_user_is_not_let_in(self):
        for login in (f"{JOE}:hunter3", "EXAMPLE\\ann:hunter2"):
            self.goes_to(self.ntlm)
            self.is_not_let_in("--auth-file", self.login(login),
                               says=["login file"])

    def test_every_message_needs_the_login(self):
        """Whoever registered by it is nobody without."""
        self.goes_to(self.ntlm)
        smsid = self.asks("register", *self.options(
            "--auth-file", self.login(f"{JOE}:hunter2")))["smsid"]
        self.point.forget()
        self.refuses("send", "hinv", self.report(smsid), *self.options(
            "--auth-file", self.login(f"{JOE}:hunter3")),
            says=("401", "login file"))
        self.assertEqual(self.welcome(), [])

    def test_a_report_of_megabytes_goes_by_either(self):
        """The body is held back, or sent again, as the login goes on."""
        for point, login in ((self.mixed, ()), (self.ntlm, (
                "--auth-file", self.login(f"{JOE}:hunter2")))):
            self.goes_to(point)
            options = self.options(*login)
            smsid = self.asks("register", *options)["smsid"]
            self.does("send", "hinv", self.report(smsid, 2000), *options,
                      "--flags", "sign")
            self.verdicts_are_clean()
            self.assertEqual(self.welcome()[-1]["notes"]["items"], "2002")


class Alternate(Way):
    """HTTPS without a client certificate."""

    auth = "alternate"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certless = cls.management_point("certless", "--alternate-auth")

    def setUp(self):
        super().setUp()
        self.goes_to(self.certless)

    def test_a_certificate_signs_and_is_not_shown(self):
        """A self-signed one, and one that TLS would have taken."""
        for key in (self.own, self.rsa):
            self.key = key
            for verdict in self.goes_all_the_way(ALTERNATE):
                self.assertIsNone(verdict["tls"]["subject"])

    def test_nobody_is_warned_of_a_certificate_that_tls_never_sees(self):
        self.key = self.own
        said = self.sealpoint("locate", "site", *self.options())
        self.assertEqual((said.returncode, said.stderr), (0, ""))

    def test_other_urls_want_a_certificate(self):
        self.refuses("mp", "list", *self.options(),
                     says=("403", "no client certificate", "leave it out"))
        self.assertEqual([v["answered"]["status"] for v in self.welcome()],
                         [403])

    def test_with_a_certificate_they_are_as_ever(self):
        with mock.patch.object(self, "auth", "none"):
            self.does("mp", "list", *self.options())
        self.verdicts_are_clean()

    def test_not_every_management_point_does_without(self):
        self.addCleanup(self.goes_to, self.certless)
        with house.Point(self.point_dir) as point:
            self.goes_to(point)
            # The alert that says so may be lost with the connection.
            self.refuses("register", *self.options(), "--wait", "0", says=(
                "wants a client certificate, and none|handshake .* failed"))
            # It notes the end of the handshake in its own time.
            house.wait_for(point.verdicts, "a verdict", 10)
            self.assertEqual({v["kind"] for v in point.verdicts()},
                             {"tls-handshake"})

    def test_what_it_cannot_go_with_is_refused(self):
        options = self.options()
        other = {"native": "mixed", self.point.url:
                 self.point.url.replace("https", "http")}
        self.refuses("register", *(other.get(o, o) for o in options),
                     says="alternate.*https")
        self.refuses("register", *options, "--auth-file",
                     self.login("joe:hunter2"), says="--auth windows",
                     status=2)
        self.assertEqual(self.point.verdicts(), [])


if __name__ == "__main__":
    unittest.main()
