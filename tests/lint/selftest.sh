#!/bin/sh
# A lint without a self-test is a wish. Plants one violation per rule, each
# alone in a small tree that is clean without it, and fails if a lint passes
# over it, or complains of the clean tree.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
tree=$place/tree said=$place/said tally=$place/tally

# A new tree, clean by every lint.
clean() {
	rm -rf "${tree:?}"
	mkdir -p "$tree/agent/worker" "$tree/agent/evp" "$tree/pkcs11" \
		"$tree/mp/cli" "$tree/docs/man" "$tree/tests/unit" \
		"$tree/mp/include/sealpoint" "$tree/docs/examples"
	cp "$here/../../.clang-format" "$tree/"
	cat >"$tree/agent/fine.h" <<'END'
/* A fine thing. */
#ifndef AGENT_FINE_H
#define AGENT_FINE_H

#include <stddef.h>

#define FINE_MAX 8 /* system("x") in a comment is no call */

size_t fine_count(size_t n);

#endif
END
	cat >"$tree/agent/fine.c" <<'END'
#include "agent/fine.h"

#include <string.h>

/* The string below names strcpy( and a // comment; it calls nothing. */
size_t
fine_count(size_t n)
{
	const char *text = "strcpy(a, b); // printf()";

	if (n == 0)
		return 0;
	else if (n == 1)
		return 1;
	else if (n == 2)
		return 2;
	for (size_t i = 0; i < n; i++) {
		while (n > i) {
			if (text[i] == '"')
				return i;
			n--;
		}
	}
	return strlen(text);
}
END
	printf '#!/bin/sh\nset -eu\necho fine\n' >"$tree/tests/unit/fine"
}

# check LINT: its exit status, quietly.
check() {
	"$here/$1" --root "$tree" >"$said" 2>&1
}

# plant LINT FILE: puts standard input into FILE of a clean tree (appends if
# it is there), and expects LINT to refuse the tree and to name FILE.
plant() {
	clean
	cat >>"$tree/$2"
	if check "$1" || ! grep -qF "$2" "$said"; then
		echo "unseen by $1: $(tail -n 1 "$tree/$2")" >>"$tally"
	else
		echo seen >>"$tally"
	fi
}

include() { printf '#include %s\n' "$2" | plant includes "$1"; }
call() { printf 'int bad;\nvoid f(void) { %s; }\n' "$2" | plant banned "$1"; }

# body LINES: a function of so many lines.
body() {
	printf 'void f(void);\nvoid\nf(void)\n{\n'
	yes '	;' | head -n $(($1 - 3))
	printf '}\n'
}

clean
for lint in includes banned length words format headers shell man porting; do
	status=0
	check "$lint" || status=$?
	[ "$status" -eq 0 ] || [ "$status" -eq 77 ] || {
		cat "$said"
		echo "unseen: that a clean tree is clean, by $lint" >>"$tally"
	}
done

include pkcs11/bad.c '"agent/signer.h"'
include pkcs11/bad.c '"mp/buf.h"'
include agent/bad.c '"mp/buf.h"'
include agent/bad.c '"pkcs11/token.h"'
include agent/worker/bad.c '"pkcs11/pool.h"'
include pkcs11/bad.c '"pkcs11/provision/desk.h"'
include pkcs11/bad.c '<libp11.h>'
include mp/bad.c '"pkcs11/token.h"'
include mp/cli/bad.c '"pkcs11/provision/provision.h"'
include mp/cli/token.c '"pkcs11/provision/desk.h"'
include mp/bad.c '"agent/wire.h"'
include mp/bad.c '"agent/secret.h"'
include mp/bad.c '"buf.h"'
include mp/bad.c '<curl/curl.h>'
include mp/http.h '<curl/curl.h>'
include mp/bad.c '<sqlite3.h>'
include mp/bad.c '<libxml/parser.h>'
include mp/bad.c '<zlib.h>'
include mp/bad.c '<jansson.h>'
include mp/bad.c '<p11-kit/pkcs11.h>'
include agent/bad.c '<libp11.h>'
include agent/bad.c '<event2/event.h>'
include agent/bad.c '<curl/curl.h>'
include agent/bad.h '<openssl/evp.h>'
include pkcs11/bad.c '<ini.h>'
include mp/bad.c '<cmocka.h>'
include mp/bad.c '<glib.h>'
include pkcs11/bad.h '<openssl/evp.h>'
include mp/include/sealpoint/bad.h '<openssl/evp.h>'
include mp/include/sealpoint/bad.h '"mp/buf.h"'
include docs/examples/bad.c '"agent/signer.h"'
include mp/bad.c '<sealpoint/error.h>'
clean
sed -i '/fine.h/d' "$tree/agent/fine.c"
! check includes || echo 'unseen by includes: own header not first' >>"$tally"

# port SED FILE: changes one of the real page and headers, which fit each
# other, and expects porting to see it.
port() {
	clean
	cp "$here"/../../mp/include/sealpoint/*.h "$tree/mp/include/sealpoint/"
	cp "$here/../../docs/PORTING.md" "$tree/docs/"
	check porting || echo "unseen: that page and headers fit" >>"$tally"
	sed -i "$1" "$tree/$2"
	if check porting || ! grep -qF "$2" "$said"; then
		echo "unseen by porting: $1" >>"$tally"
	else
		echo seen >>"$tally"
	fi
}
port 's/sealpoint_messaging_post()/post/' docs/PORTING.md
port 's/messaging_post()/messaging_posts()/' docs/PORTING.md
port '/GetTimeout/d' docs/PORTING.md
port 's/^\tSEALPOINT_OK = 0,/&\n\tSEALPOINT_ERR_NEW = -99,/' \
	mp/include/sealpoint/error.h
port 's/SEALPOINT_ERR_STATE/SEALPOINT_ERR_NEW/' docs/PORTING.md
port 's/^struct sealpoint_messaging;/int sealpoint_new(void);/' \
	mp/include/sealpoint/messaging.h

# letter SED FILE: the same of the page of messages, their table and tests.
letter() {
	clean
	mkdir -p "$tree/mp/kinds" "$tree/tests/integration"
	cp "$here/../../mp/kinds/kind.c" "$tree/mp/kinds/"
	cp "$here"/../integration/test_send*.py "$tree/tests/integration/"
	cp "$here/../../docs/MESSAGES.md" "$tree/docs/"
	check messages || echo "unseen: that page and table fit" >>"$tally"
	sed -i "$1" "$tree/$2"
	if check messages; then
		echo "unseen by messages: $1" >>"$tally"
	else
		echo seen >>"$tally"
	fi
}
letter '/^| .hinv./d' docs/MESSAGES.md
letter 's/send.Mixed.test_wsus/send.Mixed.test_wusu/' docs/MESSAGES.md
letter 's/.send.Encrypted.test_ddr./–/' docs/MESSAGES.md
letter 's/| –/| /' docs/MESSAGES.md
letter 's/Mixed, signed/Mixed, unsigned/' docs/MESSAGES.md
letter 's/"metering"/"meters"/' mp/kinds/kind.c
letter 's/def test_sinv/def test_vins/' tests/integration/test_send.py
letter 's/class Mixed(/class Mixer(/' tests/integration/test_send.py

for name in gets strcpy strcat strncpy sprintf vsprintf strtok atoi atol \
	sscanf alloca system popen mktemp tmpnam rand srand bzero; do
	call mp/bad.c "$name(s)"
	call tests/unit/bad.c "if (!$name (s)) return"
done
call pkcs11/bad.c 'getenv("PIN")'
call mp/bad.c 'printf("x")'
call mp/bad.c 'fputs("x", stderr)'
call pkcs11/bad.c 'warnx("x")'
call agent/bad.c 'ENGINE_load_dynamic()'
call agent/bad.c 'g(); // a comment'
call agent/bad.c 'g(); 	
'

body 71 | plant length mp/bad.c
(body 71 && yes '/* x */' | head -n 530) | plant length mp/bad.c
yes '/* x */' | head -n 601 | plant length mp/bad.h
(
	printf 'void\nf(int a)\n{\n'
	yes '	if (a) g();' | head -n 16
	printf '}\n'
) | plant length mp/bad.c
(
	printf 'void\nf(int a)\n{\n\ta = a'
	yes ' ? 1 : 2' | head -n 16 | tr -d '\n'
	printf ';\n}\n'
) | plant length mp/bad.c
printf 'void\nf(int a)\n{\nfor (;;) while (a) switch (a) { case 1: if (a) g(); }\n}\n' |
	plant length mp/bad.c
printf 'void\nf(int a)\n{\nTAILQ_FOREACH(a, b) { do { if (a) if (b) g(); } while (a); }\n}\n' |
	plant length mp/bad.c

printf '/* TO%s: later */\n' DO | plant words mp/bad.c
printf '# FIX%s\n' ME | plant words docs/bad.md
printf '/* good enough for%s */\n' ' now' | plant words mp/bad.c
printf '/* a place%s */\n' holder | plant words mp/bad.c
printf 'echo "not yet imple%s"\n' mented | plant words tests/unit/bad.sh
printf '/* a st%s */\n' ub | plant words mp/bad.h
printf 'x = "/wo%s/main"\n' rk | plant words tests/unit/bad.py
printf 'see /ro%s/x\n' ot | plant words docs/bad.md

printf 'int  f(void){return 1;}\n' | plant format mp/bad.c
printf '#ifndef B\n#define B\nsize_t f(void);\n#endif\n' | plant headers mp/bad.h
# shellcheck disable=SC2016 # the planted script's own variable
printf 'rm $1/*\n' | plant shell tests/unit/fine
printf '.Dd x\n.Dt BAD 1\n.Sh NAME\n.Nn bad\n' | plant man docs/man/bad.1

# differ SED-SCRIPT: a page of the protocol that says something else than the
# headers do.
differ() {
	clean
	mkdir -p "$tree/agent/front"
	for file in agent/proto.h agent/control.h agent/signer.h \
		agent/front/front.h; do
		cp "$here/../../$file" "$tree/$file"
	done
	sed "$1" "$here/../../docs/PROTOCOL.md" >"$tree/docs/PROTOCOL.md"
	if check protocol; then
		echo "unseen by protocol: $1" >>"$tally"
	else
		echo seen >>"$tally"
	fi
}

differ 's/^### PING (2)/### PING (9)/'
differ '/^### FIND/d'
differ '/^| PROBE (36)/d'
differ 's/^| PIN (38)/| PIN (39)/'
differ 's/65536/65537/'
differ '/^| 10 | time-out/d'

# thread CALL WORD: a program that makes threads or not, and what it says; the
# lint must refuse it.
thread() {
	mkdir -p "$place/bin"
	printf '#include <pthread.h>\nint main(void) { return %s; }\n' "$1" |
		"${CC:-cc}" -x c -o "$place/bin/test_bad" -
	echo "test_bad $2" >"$place/list"
	if "$here/threads" "$place/bin" "$place/list" 2>"$said" ||
		! grep -q '^test_bad:' "$said"; then
		echo "unseen by threads: $1, listed as $2" >>"$tally"
	else
		echo seen >>"$tally"
	fi
}
thread 'pthread_create(0, 0, 0, 0)' -
thread 0 threads

grep -v '^seen$' "$tally" || true
unseen=$(grep -c '^unseen' "$tally" || true)
echo "$(grep -c '' "$tally") violations planted, $unseen unseen"
[ "$unseen" -eq 0 ]
