"""The mail of scripts/demo."""

import os
import shutil
import time


def short(letter):
    """A letter, or the name of a folder."""
    return "letter " + letter.split(".")[1].removeprefix("letter") if "." in letter else letter


class Mail:
    """The Maildirs of bob and alice; every change is one rename or unlink, as a mail server makes it."""

    def __init__(self, root):
        self.root = root
        self.count = 0
        self.where = {}  # letter: (user, folder)
        for folder in (self.folder("bob", "INBOX"), self.folder("bob", "Archive"), self.folder("alice", "INBOX")):
            for sub in ("cur", "new", "tmp"):
                os.makedirs(os.path.join(folder, sub))

    def folder(self, user, name):
        return os.path.join(self.root, user, "Maildir", *([] if name == "INBOX" else ["." + name]))

    def file(self, letter):
        folder = self.folder(*self.where[letter])
        for sub in ("new", "cur"):
            for name in os.listdir(os.path.join(folder, sub)):
                if name.split(":")[0] == letter:
                    return os.path.join(folder, sub, name)
        raise FileNotFoundError(f"{letter} is not in {folder}")

    def deliver(self, user):
        self.count += 1
        letter = f"{int(time.time())}.letter{self.count}.demo"
        folder = self.folder(user, "INBOX")
        tmp = os.path.join(folder, "tmp", letter)
        with open(tmp, "w", encoding="utf-8") as file:
            file.write(f"From: demo@example.org\nTo: {user}@example.org\nSubject: {short(letter)}\n\nHello.\n")
        os.rename(tmp, os.path.join(folder, "new", letter))
        self.where[letter] = (user, "INBOX")
        return letter, [("Added", f"{user}/INBOX", letter)]

    def flag(self, letter):
        user, folder = self.where[letter]
        target = os.path.join(self.folder(user, folder), "cur", letter + ":2,S")
        os.rename(self.file(letter), target)
        return [("FlagsUpdated", f"{user}/{folder}", letter)]

    def move(self, letter):
        user, folder = self.where[letter]
        source = self.file(letter)
        os.rename(source, os.path.join(self.folder(user, "Archive"), "cur", os.path.basename(source)))
        self.where[letter] = (user, "Archive")
        return [("Added", f"{user}/Archive", letter), ("Expunged", f"{user}/{folder}", letter),
                ("MessageMoveEvent", f"{user}/", letter)]

    def make_folder(self, user, name):
        # Made beside the Maildir and renamed into it: a folder is there with its parts, or not at all.
        made = os.path.join(self.root, user, "made")
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(made, sub))
        os.rename(made, self.folder(user, name))
        return [("MailboxAdded", f"{user}/{name}", name)]

    def rename_folder(self, user, name, new_name):
        os.rename(self.folder(user, name), self.folder(user, new_name))
        return [("MailboxRenamed", f"{user}/{name}", new_name)]

    def remove_folder(self, user, name):
        gone = os.path.join(self.root, user, "gone")
        os.rename(self.folder(user, name), gone)
        shutil.rmtree(gone)
        return [("MailboxDeletion", f"{user}/{name}", name)]

    def expunge(self, letter):
        user, folder = self.where[letter]
        os.unlink(self.file(letter))
        del self.where[letter]
        return [("Expunged", f"{user}/{folder}", letter)]


def facts_of(line):
    """An event as (what happened, user/folder, letter), once per letter in it."""
    kind = line["type"]
    body = line.get("payload", {}).get(kind, {})
    if kind == "MessageMoveEvent":
        return [(kind, f"{body['user']}/", letter) for letter in body["messageIds"]]
    path = body.get("path") or body.get("mailboxPath") or {}
    place = f"{path.get('user')}/{path.get('name')}"
    if kind in ("Added", "Expunged"):
        letters = [each["messageId"] for each in body["added" if kind == "Added" else "expunged"].values()]
    elif kind == "FlagsUpdated":
        letters = [each["messageId"] for each in body["updatedFlags"]]
    elif kind == "MailboxRenamed":
        letters = [body["newPath"]["name"]]
    elif kind in ("MailboxAdded", "MailboxDeletion"):
        letters = [path["name"]]
    else:
        letters = []
    return [(kind, place, letter) for letter in letters]
