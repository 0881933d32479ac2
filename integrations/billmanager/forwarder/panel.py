"""Looks things up in BILLmanager through its own command line, as root and without a password."""

import subprocess
import xml.etree.ElementTree as ElementTree


class PanelAway(Exception):
    """It cannot be asked now."""


def create_panel(command, timeout=120):
    """
    command: how mgrctl is called, as a list; func and its parameters are put behind it.
    Returns a function (func, **params) that gives the rows of a list: a list of dicts.
    """

    def rows_of(func, **params):
        words = command + [func] + ["%s=%s" % item for item in sorted(params.items())]
        try:
            run = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PanelAway("%s: %s" % (func, error))
        try:
            doc = ElementTree.fromstring(run.stdout)
        except ElementTree.ParseError:
            shown = (run.stderr or run.stdout).decode("utf-8", "replace").strip()[:200]
            raise PanelAway("%s gave no document: %s" % (func, shown or "nothing"))
        error = doc.find("error")
        if error is None:
            return [row_of(elem) for elem in doc.findall("elem")]
        kind, what = error.get("type", ""), error.get("object", "")
        # The element that was asked for is not there (any more).
        if kind in ("value", "missed") and what in ("elid", "id", "item", "service"):
            return []
        # An edition that does not sell such items has no list of them.
        if kind == "missed" and what == "func":
            return []
        raise PanelAway("%s was refused: %s(%s)" % (func, kind, what))

    return rows_of


def row_of(elem):
    """The values of a row; `name~` is the text where `name` has a machine's value beside it."""
    row = {}
    for child in elem:
        text = (child.text or "").strip()
        row[child.tag] = child.get("orig", text).strip()
        row[child.tag + "~"] = text
    return row
