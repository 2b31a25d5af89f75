"""Plans of the corpora of dialogues, whose labels lie in files of their own."""

from trees.acted import HIDDEN
from trees.files import Sound
from trees.plans import Plan

_TURN = ("speaker", "sex", "label", "emotion", "valence", "activation", "dominance")

# Dialog, session, sentence, then turns: the end of the name, and a `_TURN`. The first F or M of a
# name is not the speaker's; scripts recur in other sessions; parts of a dialog have a letter.
_DIALOGS = (
    ("Ses01F_impro01", "1", "", (
        ("F000", "Ses01F", "female", "neu", "neutral", 2.5, 2.5, 2.5),
        ("M000", "Ses01M", "male", "xxx", "undecided", 2.0, 3.0, 3.5),
        ("F001", "Ses01F", "female", "fru", "frustration", 2.0, 4.0, 4.5),
    )),
    ("Ses01M_script01_1", "1", "script01_1", (
        ("F012", "Ses01F", "female", "exc", "excitement", 4.0, 3.5, 3.0),
        ("MXX012", "Ses01M", "male", "hap", "happiness", 4.5, 3.0, 3.0),
    )),
    ("Ses02M_script01_1", "2", "script01_1", (
        ("M003", "Ses02M", "male", "ang", "anger", 1.5, 4.5, 4.0),
    )),
    ("Ses03F_impro02", "3", "", (
        ("F004", "Ses03F", "female", "sad", "sadness", 2.0, 1.5, 2.0),
        ("M005", "Ses03M", "male", "sur", "surprise", 3.5, 4.0, 3.0),
    )),
    ("Ses04M_impro08", "4", "", (
        ("F006", "Ses04F", "female", "fea", "fear", 1.6667, 3.3333, 2.0),
        ("M007", "Ses04M", "male", "oth", "other", 3.0, 3.0, 3.0),
    )),
    ("Ses05M_script02_2b", "5", "script02_2", (
        ("F040", "Ses05F", "female", "dis", "disgust", 2.0, 2.5, 3.5),
        ("M041", "Ses05M", "male", "neu", "neutral", 3.0, 2.0, 2.5),
    )),
)  # fmt: skip

# What raters and actors said, which is not the majority's label.
_RATERS = (
    "C-E2:\tSurprise;\t()",
    "C-E3:\tSurprise; Anger;\t()",
    "C-E4:\tSurprise;\t(ang)",
    "C-F1:\tDisgust;\t()",
    "A-E3:\tval 1; act 5; dom  1;\t()",
    "A-F1:\tval 5; act 1; dom  5;\t()",
    "",
)


def _wav(session: str, dialog: str, end: str) -> str:
    return f"Session{session}/sentences/wav/{dialog}/{dialog}_{end}.wav"


def _evaluation(dialog: str, turns) -> str:
    """Text of an evaluation file."""
    lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    for number, (end, _, _, label, _, *ratings) in enumerate(turns):
        scales = ", ".join(f"{rating:.4f}" for rating in ratings)
        times = f"[{number + 0.25:.4f} - {number + 0.75:.4f}]"
        lines += [f"{times}\t{dialog}_{end}\t{label}\t[{scales}]", *_RATERS]
    return "\n".join(lines)


def _evaluations() -> dict[str, str]:
    # A label without a recording, and one that is none of the corpus's.
    more = {
        "Ses01F_impro01": [("M099", "", "", "ang", "", 1.0, 1.0, 1.0)],
        "Ses03F_impro02": [("F098", "", "", "joy", "", 1.0, 1.0, 1.0)],
    }
    return {
        f"Session{session}/dialog/EmoEvaluation/{dialog}.txt": _evaluation(
            dialog, [*turns, *more.get(dialog, [])]
        )
        for dialog, session, _, turns in _DIALOGS
    }


IEMOCAP = Plan(
    sound=Sound(rate=16_000),
    rows=[
        {
            "path": _wav(session, dialog, end),
            "session": session,
            "sentence": sentence,
            "style": "scripted" if sentence else "improvised",
            **dict(zip(_TURN, turn, strict=True)),
        }
        for dialog, session, sentence, turns in _DIALOGS
        for end, *turn in turns
    ],
    left_out={
        _wav("1", "Ses01F_impro01", "M099"): "is labelled in Ses01F_impro01.txt",
        _wav("1", "Ses01F_impro01", "F097"): "has no label line",
        _wav("3", "Ses03F_impro02", "F098"): "unknown label 'joy'",
        _wav("4", "Ses04F_impro07", "F000"): "has no label line",
        _wav("5", "Ses05M_script02_2b", "X042"): "not one of IEMOCAP's",
    },
    others={
        _wav("1", "Ses01F_impro01", "M099"): None,
        **_evaluations(),
        "Session1/sentences/wav/Ses01F_impro01/._Ses01F_impro01_F000.wav": HIDDEN,
        "Session1/dialog/EmoEvaluation/._Ses01F_impro01.txt": HIDDEN,
        "Session1/dialog/EmoEvaluation/Self-evaluation/Ses01F_impro01_F1.txt": (
            "Ses01F_impro01_F000 :Disgust; ()\n"
        ),
        "Session1/dialog/transcriptions/Ses01F_impro01.txt": (
            "Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.\n"
        ),
    },
)


def _labels(*rows: tuple[str, str, int, int]) -> str:
    """Text of a table of labels; it has quotation marks, commas and curly apostrophes."""
    lines = ["Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season"]
    for number, (speaker, emotion, dialogue, utterance) in enumerate(rows, start=1):
        text = '"Oh, he\u2019s ""lost"" it."'
        lines.append(f"{number},{text},{speaker},{emotion},neutral,{dialogue},{utterance},4")
    return "\n".join(lines) + "\n"


_FOLDERS = {
    "train": "train_splits",
    "dev": "dev_splits_complete",
    "test": "output_repeated_splits_test",
}

# Names repeat from part to part.
_UTTERANCES = (
    ("train", "dia0_utt0", "Phoebe", "sadness", "sadness"),
    ("train", "dia0_utt1", "Mrs. Green", "happiness", "joy"),
    ("train", "dia12_utt10", "Joey", "anger", "anger"),
    ("dev", "dia0_utt0", "Phoebe", "disgust", "disgust"),
    ("dev", "dia0_utt1", "Ross", "fear", "fear"),
    ("test", "dia0_utt0", "Joey", "surprise", "surprise"),
    ("test", "dia1_utt0", "Joey", "neutral", "neutral"),
)

MELD = Plan(
    sound=Sound(rate=48_000),
    rows=[
        {
            "path": f"{_FOLDERS[part]}/{name}.wav",
            "utterance": f"{part}_{name}",
            "speaker": speaker,
            "emotion": emotion,
            "label": label,
            "part": part,
        }
        for part, name, speaker, emotion, label in _UTTERANCES
    ],
    left_out={
        "train_splits/dia125_utt3.wav": "is labelled in train_sent_emo.csv",
        "dev_splits_complete/dia66_utt9.wav": "has no row in dev_sent_emo.csv",
        "dev_splits_complete/dia66_utt8.wav": "unknown label 'bliss'",
        "output_repeated_splits_test/final_videos_testdia1_utt0.wav": "not one of MELD's",
    },
    others={
        "train_splits/dia125_utt3.wav": None,
        "train_splits/._dia0_utt0.wav": HIDDEN,
        "train_sent_emo.csv": _labels(
            ("Phoebe", "sadness", 0, 0),
            ("Mrs. Green", "joy", 0, 1),
            ("Joey", "anger", 12, 10),
            ("Joey", "anger", 125, 3),
        ),
        "dev_sent_emo.csv": _labels(
            ("Phoebe", "disgust", 0, 0), ("Ross", "fear", 0, 1), ("Ross", "bliss", 66, 8)
        ),
        "test_sent_emo.csv": _labels(("Joey", "surprise", 0, 0), ("Joey", "neutral", 1, 0)),
    },
)
