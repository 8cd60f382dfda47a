"""C source as tokens with line numbers, comments and directives left out.

Enough C to count functions, branches and nesting, and to tell a call from a
word in a comment or string. Does not expand macros.
"""
import re
from collections import namedtuple

Token = namedtuple("Token", "kind text line")

_SCANNER = re.compile(r"""
    (?P<comment>/\*.*?\*/)
  | (?P<slashes>//[^\n]*)
  | (?P<directive>^[ \t]*\#(?:/\*.*?\*/|[^\n\\]|\\\n|\\.)*)
  | (?P<string>(?:L|u8|u|U)?"(?:[^"\\\n]|\\.|\\\n)*")
  | (?P<char>(?:L|u|U)?'(?:[^'\\\n]|\\.)*')
  | (?P<word>[A-Za-z_]\w*)
  | (?P<number>\.?\d(?:[\w.]|[eEpP][+-])*)
  | (?P<op>&&|\|\||->|\+\+|--|<<=?|>>=?|[-+*/%&|^=!<>]=|\.\.\.|[^\s\w])
""", re.VERBOSE | re.MULTILINE | re.DOTALL)


def scan(text):
    """All tokens, comments and directives included."""
    line, at = 1, 0
    for match in _SCANNER.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        yield Token(match.lastgroup, match.group(), line)


def code(text):
    """Words, numbers, strings and operators only."""
    return [t for t in scan(text)
            if t.kind not in ("comment", "slashes", "directive")]


def includes(text):
    """(line, path, angled) of each #include."""
    for token in scan(text):
        if token.kind != "directive":
            continue
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', token.text)
        if match:
            yield token.line, match.group(2), match.group(1) == "<"


class Function:
    """One definition: its name, first and last line, branches, nesting."""

    def __init__(self, name, first):
        self.name, self.first, self.last = name, first, first
        self.branches = self.depth = 0


LOOPS = ("for", "while", "switch")
OPEN = {"(": ")", "[": "]", "{": "}"}


class _Body:
    """Walks the statements of one function body."""

    def __init__(self, tokens, at, function):
        self.tokens, self.at, self.function = tokens, at, function

    def text(self, ahead=0):
        at = self.at + ahead
        return self.tokens[at].text if at < len(self.tokens) else ""

    def group(self):
        """Steps over one bracketed group."""
        depth = 0
        while self.at < len(self.tokens):
            text = self.text()
            self.function.branches += text == "?"
            depth += text in OPEN
            depth -= text in OPEN.values()
            self.at += 1
            if depth == 0:
                return

    def branch(self, depth):
        self.function.branches += 1
        self.function.depth = max(self.function.depth, depth + 1)

    def block(self, depth):
        self.at += 1
        while self.text() not in ("}", ""):
            self.statement(depth)
        self.at += 1

    def choice(self, depth):
        """if ... else if ... else ...: one level, however long."""
        self.branch(depth)
        self.at += 1
        self.group()
        self.statement(depth + 1)
        if self.text() != "else":
            return
        self.at += 1
        if self.text() == "if":
            self.choice(depth)
        else:
            self.statement(depth + 1)

    def repeat(self, depth):
        """do ... while (...);"""
        self.branch(depth)
        self.at += 1
        self.statement(depth + 1)
        self.at += 1
        self.group()
        self.at += 1

    def label(self):
        """Steps over case X:, default: and name:; tells whether it did."""
        if self.text() in ("case", "default"):
            while self.text() not in (":", ""):
                self.at += 1
            self.at += 1
            return True
        if (self.tokens[self.at].kind == "word" and self.text(1) == ":"):
            self.at += 2
            return True
        return False

    def plain(self, depth):
        """An expression or declaration, or a loop made by a macro."""
        start = self.at
        while self.text() not in (";", "}", ""):
            if self.text() in OPEN:
                self.group()
                if (self.at > start + 2 and self.text() == "{"
                        and self.tokens[start + 1].text == "("):
                    self.branch(depth)
                    self.statement(depth + 1)
                    return
                continue
            self.function.branches += self.text() == "?"
            self.at += 1
        if self.text() == ";":
            self.at += 1

    def statement(self, depth):
        while self.text() != "" and self.label():
            pass
        text = self.text()
        if text in ("}", ""):
            return
        if text == "{":
            self.block(depth)
        elif text == "if":
            self.choice(depth)
        elif text in LOOPS:
            self.branch(depth)
            self.at += 1
            self.group()
            self.statement(depth + 1)
        elif text == "do":
            self.repeat(depth)
        else:
            self.plain(depth)


def _header(tokens, brace):
    """Index of the name of the function whose body opens at brace, or -1."""
    start = brace - 1
    while start >= 0 and tokens[start].text not in (";", "}"):
        if tokens[start].text == "=":
            return -1
        start -= 1
    for at in range(start + 1, brace - 1):
        if tokens[at].text in ("struct", "union", "enum"):
            continue
        if (tokens[at].kind == "word" and tokens[at + 1].text == "("
                and tokens[at].text not in ("__attribute__", "_Alignas")):
            return at
    return -1


def functions(text):
    """The functions that a file defines."""
    tokens = code(text)
    at = 0
    while at < len(tokens):
        if tokens[at].text != "{":
            at += 1
            continue
        name = _header(tokens, at)
        function = Function("", tokens[at].line)
        if name >= 0:
            function = Function(tokens[name].text, tokens[name].line)
        body = _Body(tokens, at, function)
        if name >= 0:
            body.block(0)
        else:
            body.group()
        at = body.at
        function.last = tokens[min(at, len(tokens)) - 1].line
        if name >= 0:
            yield function
