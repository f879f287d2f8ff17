"""Prompts of HumanEval's form, a signature with its docstring, from the functions of Python packages.

Usage: python3 scripts/docstring-prompts.py PACKAGE_FOLDER... > prompts.jsonl

Each folder gives at most 400 prompts of 60 to 420 characters, drawn with a seed; tests are left out.
"""

import ast
import json
import random
import sys
import textwrap
from pathlib import Path

PER_PACKAGE = 400
CHARACTERS = range(60, 421)
LEFT_OUT = {"tests", "test", "conftest.py", "benchmarks"}


def signatures(package):
    for path in sorted(Path(package).rglob("*.py")):
        if LEFT_OUT & set(path.relative_to(package).parts):
            continue
        try:
            source = path.read_text(encoding="utf-8")
            tree = ast.parse(source)
        except (UnicodeDecodeError, SyntaxError, ValueError, OSError):
            continue
        lines = source.splitlines()
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef) or not ast.get_docstring(node) or len(node.body) < 2:
                continue
            lines_of_it = "\n".join(lines[node.lineno - 1 : node.body[0].end_lineno]).lstrip()
            yield textwrap.dedent(" " * node.col_offset + lines_of_it)


def main(packages):
    random.seed(1)
    seen, chosen = set(), []
    for package in packages:
        own = []
        for signature in signatures(package):
            if len(signature) in CHARACTERS and signature not in seen:
                seen.add(signature)
                own.append(signature)
        random.shuffle(own)
        chosen += own[:PER_PACKAGE]
    random.shuffle(chosen)
    for signature in chosen:
        print(json.dumps({"prompt": signature}))


main(sys.argv[1:])
