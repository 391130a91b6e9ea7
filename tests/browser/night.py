"""The made-up night: its hour, when the crisis began, the monitors, the people and the posts. Texts and people are invented."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 11, 22, 2, 12, tzinfo=UTC)
# The start of the crisis.
START = datetime(2026, 11, 22, 1, 40, tzinfo=UTC)
MIN = timedelta(minutes=1)
WINDOW = timedelta(minutes=5)

MONITORS = (
    ("m_orvane", "Orvane baby food", 'orvane OR "orvane baby" OR #orvane', 40.0, "warm"),
    ("m_ceo", "Orvane leadership", '"mirel dastan" OR @mireldastan', 2.2, "warm"),
    ("m_crisp", "Crispwell snacks", "crispwell OR #crispwell", 31.0, "warm"),
    ("m_lidra", "Lidra water", "lidra OR #lidrawater", 6.0, "warm"),
    ("m_rival", "Competitor: Nuvelo", "nuvelo", 9.0, "warm"),
    ("m_new", "Orvane Romania", "(orvane OR orvanero) AND lang:ro", 0.8, "learning"),
    ("m_wait", "Orvane Kids app", '"orvane kids"', 0.0, "waiting"),
)

PEOPLE: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "p_ada",
        {
            "name": "Ada Yılmaz",
            "role": "community_manager",
            "timezone": "Europe/Istanbul",
            "language": "en",
            "channels": [
                {"kind": "webhook", "url": "https://hooks.orvane.example/ada", "secret": "env:HOOK"}
            ],
        },
    ),
    ("p_pim", {"name": "Pim de Wit", "role": "pr", "timezone": "Europe/Amsterdam", "language": "nl"}),
    (
        "p_ioana",
        {"name": "Ioana Munteanu", "role": "legal", "timezone": "Europe/Bucharest", "language": "ro"},
    ),
    ("p_root", {"name": "Robin Admin", "role": "admin", "timezone": "Europe/Amsterdam", "language": "en"}),
    ("p_vic", {"name": "Vic Viewer", "role": "viewer", "timezone": "Europe/Istanbul", "language": "tr"}),
)

POSTS: tuple[dict[str, Any], ...] = (
    {
        "id": "n1",
        "network": "news",
        "author_name": "Kuzey Haber",
        "author_handle": "kuzeyhaber",
        "followers": 1_240_000,
        "verified": True,
        "lang": "tr",
        "label": "negative",
        "url": "https://kuzeyhaber.example/orvane-mama",
        "minute": 4,
        "triggers": ["safety"],
        "text": "Orvane bebek mamasında plastik kokusu şikâyetleri büyüyor. İki ilde aileler ürünü iade "
        "ediyor, şirketten henüz açıklama yok.",
    },
    {
        "id": "n2",
        "network": "mastodon",
        "author_name": "Jelle, vader van twee",
        "author_handle": "jelle@sociaal.example",
        "followers": 18_200,
        "lang": "nl",
        "label": "negative",
        "url": "https://sociaal.example/@jelle/101",
        "minute": 9,
        "triggers": ["safety"],
        "text": "Net een pot Orvane opengemaakt en het ruikt naar verbrand plastic. Mijn dochter heeft de "
        "hele avond overgegeven. Weet iemand welke partijnummers het zijn?",
    },
    {
        "id": "n3",
        "network": "bluesky",
        "author_name": "Dr. Hana Brook",
        "author_handle": "hanabrook.example",
        "followers": 96_400,
        "lang": "en",
        "label": "negative",
        "url": "https://social.example/hana/7f",
        "minute": 14,
        "triggers": ["safety"],
        "text": "Three parents in my clinic tonight, same batch of Orvane porridge (L2291), same smell. "
        "Please stop feeding it until the company says what this is. <b>Not</b> a drill.",
    },
    {
        "id": "n4",
        "network": "forum",
        "author_name": "mamica_din_cluj",
        "author_handle": None,
        "followers": 310,
        "lang": "ro",
        "label": "negative",
        "url": "javascript:alert(1)",
        "minute": 19,
        "triggers": ["violence"],
        "text": "Dacă pățește ceva copilul meu de la Orvane, jur că le dau foc la birouri. Nu mai pot, "
        "nimeni nu răspunde la telefon!",
    },
    {
        "id": "n5",
        "network": "bluesky",
        "author_name": "Tomás",
        "author_handle": "tomas.example",
        "followers": 2_150,
        "lang": "en",
        "label": "neutral",
        "url": "https://social.example/tomas/9a",
        "minute": 22,
        "triggers": [],
        "text": "Does anyone have an official word from @orvane? Their site still shows the recipe page.",
    },
)
