"""faultmod.py and faultmod.h describe the same page."""
import re
import unittest

import faultmod

HEADER = (faultmod.HERE / "faultmod.h").read_text(encoding="utf-8")
CODE = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.DOTALL)


def numbers(body, sizes):
    """(name, how many numbers) of the fields of a struct, chars apart."""
    for kind, names in re.findall(
            r"(faultmod_word|struct \w+) ([^;]*);", body):
        each = len(sizes[kind]) if kind in sizes else 1
        for name in names.split(","):
            name, _, many = name.strip().partition("[")
            many = getattr(faultmod, many.rstrip("]").removeprefix(
                "FAULTMOD_")) if many else 1
            yield name, many * each


def struct(name):
    return re.search(rf"struct {name} {{(.*?)\n}};", CODE, re.DOTALL).group(1)


class Layout(unittest.TestCase):

    def test_the_fields_are_the_same_in_the_same_order(self):
        sizes = {"struct faultmod_rule": faultmod.RULE,
                 "struct faultmod_attr": faultmod.ATTR,
                 "struct faultmod_reader": faultmod.READER}
        self.assertEqual(tuple(numbers(struct("faultmod"), sizes)),
                         faultmod.FIELDS)
        for name, fields in sizes.items():
            self.assertEqual(
                tuple(numbers(struct(name.partition(" ")[2]), {})),
                tuple((field, 1) for field in fields))

    def test_the_texts_come_last_in_the_same_order(self):
        self.assertEqual(
            re.findall(r"char (\w+)\[(\w+)\](?:\[(\w+)\])?;",
                       struct("faultmod")),
            [("pad", "FAULTMOD_NAME", ""),
             ("tokens", "FAULTMOD_TOKENS", "FAULTMOD_NAME"),
             ("module", "FAULTMOD_PATH", "")])

    def test_the_constants_are_the_same(self):
        defined = dict(re.findall(r"#define FAULTMOD_(\w+) (\d+)\b", CODE))
        self.assertGreater(len(defined), 5)
        for name, value in defined.items():
            self.assertEqual(getattr(faultmod, name), int(value), name)
        magic = re.search(r"FAULTMOD_MAGIC UINT64_C\((\w+)\)", CODE)
        self.assertEqual(int(magic.group(1), 16), faultmod.MAGIC)
        for names in re.findall(r"enum \w+ {(.*?)}", CODE, re.DOTALL):
            words = [w.strip() for w in names.split(",") if w.strip()]
            first = int(words[0].partition("=")[2])
            for value, word in enumerate(words, first):
                name = word.split()[0].removeprefix("FAULTMOD_")
                self.assertEqual(getattr(faultmod, name), value, name)

    def test_every_function_is_there(self):
        self.assertEqual(len(faultmod.FUNCTIONS), faultmod.CALLS)
        self.assertEqual(len(set(faultmod.FUNCTIONS)), faultmod.CALLS)
        self.assertEqual(faultmod.CK["CKR_DEVICE_ERROR"], 0x30)
        self.assertEqual(faultmod.CK["CKF_USER_PIN_FINAL_TRY"], 1 << 17)


if __name__ == "__main__":
    unittest.main()
