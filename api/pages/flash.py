"""The message at the top of the page that a form leads back to. The address carries its key, never its words."""

from __future__ import annotations

from fastapi import Request

from api.pages.formatting import Formatter

DONE = {
    "acknowledge": "Acknowledged. It is yours now.",
    "already": "Somebody had acknowledged it already: see below who.",
    "escalate": "Escalated. The teams that you chose have it in their queue.",
    "dismiss": "Dismissed.",
    "merge": "Merged. The other alert goes on telling this story.",
    "snooze": "Snoozed.",
    "resolve": "Resolved.",
    "reopen": "Reopened.",
    "severity": "The severity was changed.",
    "note": "The note is on record.",
    "verdict": "The verdict is on record.",
    "claim": "Claimed. It is yours now.",
    "release-claim": "Given back. It waits in the queue for somebody to claim it.",
    "reassign": "Handed over. The new person is told.",
    "ask": "Asked. The person is told.",
    "review": "The review has begun.",
    "assess": "The assessment is on record.",
    "decide": "The decision is on record.",
    "release": "Marked as released.",
    "close": "Closed.",
    "withdraw": "Withdrawn.",
    "saved": "Saved.",
    "gone": "Ended. It can be brought back here.",
    "restored": "Brought back. It is in force again.",
    "learnt": "Learnt. It labels the mentions that come from now on.",
    "used": "That model labels the mentions that come from now on.",
    "unused": "Rolled back. The common model alone labels the mentions that come from now on.",
    "accept_normal": "Accepted. It counts from the next window on.",
    "undo_normal": "Taken back. It counts from the next window on.",
    "asked": "The back-test waits for its turn. It runs within minutes.",
    "cancelled": "Cancelled.",
    "run_asked": "It waits for its turn, and begins within seconds.",
    "accepted": "Accepted. The monitor was changed.",
    "refused": "Refused. Nothing was changed.",
    "rung": "A test page is on its way. Type its code here.",
    "proven": "Proven: this channel reaches you.",
    "doubted": "The proof was taken back. This channel pages nobody until a new code is typed.",
    "wrong_code": "That is not the code that was sent, or its ten minutes are over.",
    "key_ended": "The key opens nothing any more.",
    "handed": "Handed over. The calendar shows it.",
    "removed": "Removed.",
    "rang": "It rang. You are woken when it matters.",
    "paged": "A test page is on its way to each of your channels.",
    "silent": "Nothing came. Below stands what may be wrong.",
    "mail_taken": "Saved. The server took the test mail. Check whether it arrived.",
    "mail_ended": "No mail is sent any more.",
    "reach_undone": "The last change was taken back.",
    "trusted": "The proxy is trusted from the next start of Tocsin on.",
    "ended": "That browser is signed out.",
    "passkey_kept": "The passkey is kept. From now on it signs you in.",
    "passkey_refused": "The passkey was not accepted, so it was not saved. Try again.",
    "passkey_known": "The passkey was not saved: it is here already, or you have as many as are allowed.",
    "passkeys_gone": "This person has no passkey any more. A link by mail still signs them in.",
    "replay": "Handed over again: it counts within seconds.",
    "bad": "It still cannot be read as a mention. The reason stands below.",
}


def flash_of(request: Request, fmt: Formatter) -> tuple[str, bool]:
    """The message for the address's `done`, and whether it is bad news."""
    key = request.query_params.get("done", "")
    return (fmt.translate(DONE[key]) if key in DONE else ""), key in (
        "already",
        "bad",
        "wrong_code",
        "silent",
        "passkey_refused",
        "passkey_known",
    )
