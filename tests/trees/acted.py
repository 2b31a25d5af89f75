"""Plans of the corpora of single acted sentences, with what readers stumble over in the real ones.

All of them may hold hidden files of macOS, which are no recordings.
"""

from trees.files import Sound
from trees.plans import Plan, table

HIDDEN = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X"

EMODB = Plan(
    sound=Sound(rate=16_000),
    rows=table("""
        path             speaker  sex     sentence  emotion    label
        wav/03a01Fa.wav  03       male    a01       happiness  F
        wav/03a01Nc.wav  03       male    a01       neutral    N
        wav/08b10Wb.wav  08       female  b10       anger      W
        wav/09a07La.wav  09       female  a07       boredom    L
        wav/10b03Ed.wav  10       male    b03       disgust    E
        wav/14a05Aa.wav  14       female  a05       fear       A
        wav/16a07Td.wav  16       female  a07       sadness    T
    """),
    left_out={"wav/03a01Xa.wav": "unknown label 'X'"},
    others={
        # As published: Latin-1, beside the recordings.
        "erkennung.txt": "Satz\terk.\t nat\u00fcrlich\n03a01Fa\t90,00\t100,00\n".encode("latin-1"),
        "lablaut/03a01Fa.lablaut": "",
        "wav/._03a01Fa.wav": HIDDEN,
    },
)

_LEVEL_CUT_SHORT = table("""
    path                         utterance        speaker  sex   sentence  emotion  label  intensity
    AudioWAV/1040_ITH_SAD_X.wav  1040_ITH_SAD_XX  1040     male  ITH       sadness  SAD    -
""")

CREMA_D = Plan(
    sound=Sound(rate=16_000),
    rows=[
        *table("""
        path                          speaker  sex     sentence  emotion    label  intensity
        AudioWAV/1001_DFA_ANG_XX.wav  1001     male    DFA       anger      ANG    -
        AudioWAV/1002_IEO_DIS_LO.wav  1002     female  IEO       disgust    DIS    low
        AudioWAV/1002_IEO_FEA_MD.wav  1002     female  IEO       fear       FEA    medium
        AudioWAV/1091_IEO_HAP_HI.wav  1091     female  IEO       happiness  HAP    high
        AudioWAV/1090_WSI_NEU_XX.wav  1090     male    WSI       neutral    NEU    -
        """),
        *_LEVEL_CUT_SHORT,
    ],
    left_out={
        "AudioWAV/1076_MTI_SAD_XX.wav": "published without sound",
        "AudioWAV/1092_DFA_ANG_XX.wav": "not one of CREMA-D's",
        "AudioWAV/1001_DFA_SUR_XX.wav": "not one of CREMA-D's",
    },
    others={
        "AudioWAV/1076_MTI_SAD_XX.wav": Sound(rate=16_000, silent=True),
        "AudioWAV/._1001_DFA_ANG_XX.wav": HIDDEN,
        "VideoDemographics.csv": '"ActorID","Age","Sex"\n1001,51,"Male"\n1002,21,"Female"\n',
    },
)

_TWICE = "Actor_07/03-01-03-01-02-01-07.wav"

RAVDESS = Plan(
    sound=Sound(rate=48_000),
    rows=table("""
        path                               speaker  sex     sentence  emotion    label  intensity
        Actor_01/03-01-01-01-01-01-01.wav  01       male    01        neutral    01     normal
        Actor_01/03-01-02-01-01-01-01.wav  01       male    01        calm       02     normal
        Actor_07/03-01-03-01-02-01-07.wav  07       male    02        happiness  03     normal
        Actor_07/03-01-03-01-02-02-07.wav  07       male    02        happiness  03     normal
        Actor_02/03-01-04-02-01-01-02.wav  02       female  01        sadness    04     strong
        Actor_02/03-01-05-02-02-01-02.wav  02       female  02        anger      05     strong
        Actor_02/03-01-06-01-01-02-02.wav  02       female  01        fear       06     normal
        Actor_24/03-01-07-02-01-01-24.wav  24       female  01        disgust    07     strong
        Actor_24/03-01-08-01-02-02-24.wav  24       female  02        surprise   08     normal
    """),
    left_out={
        "Actor_01/03-02-01-01-01-01-01.wav": "song",
        "Actor_01/01-01-01-01-01-01-01.mp4": "video",
        "Actor_01/02-01-01-01-01-01-01.mp4": "video",
        "Actor_02/03-01-04-02-01-01-25.wav": "not one of RAVDESS's",
        "audio_speech_actors_01-24/Actor_01/03-01-01-01-01-01-01.wav": "repeats 1 of",
        "audio_speech_actors_01-24/Actor_02/03-01-04-02-01-01-02.wav": "repeats 1 of",
    },
    others={
        # One recording under two names, and one of the few in stereo.
        "Actor_07/03-01-03-01-02-02-07.wav": Sound(rate=48_000, same_as=_TWICE),
        _TWICE: Sound(rate=48_000),
        "Actor_24/03-01-07-02-01-01-24.wav": Sound(rate=48_000, channels=2),
        "Actor_01/01-01-01-01-01-01-01.mp4": b"no audio",
        "Actor_01/02-01-01-01-01-01-01.mp4": b"no audio",
        "Actor_01/._03-01-01-01-01-01-01.wav": HIDDEN,
        # Some copies hold everything twice.
        "audio_speech_actors_01-24/Actor_01/03-01-01-01-01-01-01.wav": Sound(rate=48_000),
        "audio_speech_actors_01-24/Actor_02/03-01-04-02-01-01-02.wav": Sound(rate=48_000),
    },
)

SAVEE = Plan(
    sound=Sound(rate=44_100),
    rows=table("""
        path        utterance  speaker  sex   sentence  emotion    label
        DC/a01.wav  DC_a01     DC       male  a01       anger      a
        DC/sa01.wav  DC_sa01   DC       male  sa01      sadness    sa
        DC/su15.wav  DC_su15   DC       male  su15      surprise   su
        JE/a01.wav  JE_a01     JE       male  a01       anger      a
        JE/d03.wav  JE_d03     JE       male  d03       disgust    d
        JK/f12.wav  JK_f12     JK       male  f12       fear       f
        JK/h07.wav  JK_h07     JK       male  h07       happiness  h
        KL/n30.wav  KL_n30     KL       male  n30       neutral    n
    """),
    left_out={"KL/s01.wav": "not one of SAVEE's"},
    others={"Info.txt": "Audio files\n", "DC/._a01.wav": HIDDEN},
)

_SPEAKER_CUT_SHORT = table("""
    path                             utterance         speaker  sex     sentence  emotion  label
    OAF_neutral/OA_bite_neutral.wav  OAF_bite_neutral  OAF      female  bite      neutral  neutral
""")

TESS = Plan(
    sound=Sound(rate=24_414),
    rows=[
        *table("""
        path                                     speaker  sex     sentence  emotion    label
        OAF_angry/OAF_back_angry.wav             OAF      female  back      anger      angry
        OAF_Fear/OAF_back_fear.wav               OAF      female  back      fear       fear
        OAF_Pleasant_surprise/OAF_back_ps.wav    OAF      female  back      surprise   ps
        YAF_disgust/YAF_youth_disgust.wav        YAF      female  youth     disgust    disgust
        YAF_happy/YAF_youth_happy.wav            YAF      female  youth     happiness  happy
        YAF_pleasant_surprised/YAF_youth_ps.wav  YAF      female  youth     surprise   ps
        YAF_sad/YAF_bite_sad.wav                 YAF      female  bite      sadness    sad
        """),
        *_SPEAKER_CUT_SHORT,
    ],
    left_out={"YAF_sad/YAF_bite_bored.wav": "not one of TESS's"},
    others={
        "YAF_sad/YAF_bite_sad.wav": Sound(rate=96_000),
        "OAF_angry/._OAF_back_angry.wav": HIDDEN,
    },
)

EMOVO = Plan(
    sound=Sound(rate=48_000, channels=2),
    rows=table("""
        path              speaker  sex     sentence  emotion    label
        f1/neu-f1-b1.wav  f1       female  b1        neutral    neu
        f1/gio-f1-b1.wav  f1       female  b1        happiness  gio
        f2/dis-f2-l4.wav  f2       female  l4        disgust    dis
        f3/pau-f3-n5.wav  f3       female  n5        fear       pau
        m1/rab-m1-d2.wav  m1       male    d2        anger      rab
        m2/sor-m2-b2.wav  m2       male    b2        surprise   sor
        m3/tri-m3-b3.wav  m3       male    b3        sadness    tri
    """),
    left_out={"m3/tri-m4-b3.wav": "not one of EMOVO's"},
    others={"m2/sor-m2-b2.wav": Sound(rate=48_000), "f1/._neu-f1-b1.wav": HIDDEN},
)

NEMO = Plan(
    sound=Sound(rate=24_000),
    rows=table("""
        path                          speaker  sex     sentence  emotion    label
        samples/EB0_anger_1.wav       EB0      female  1         anger      anger
        samples/EB0_fear_21.wav       EB0      female  21        fear       fear
        samples/EB0_neutral_13.wav    EB0      female  13        neutral    neutral
        samples/WR0_happiness_90.wav  WR0      male    90        happiness  happiness
        samples/WR0_sadness_9.wav     WR0      male    9         sadness    sadness
        samples/WR0_surprised_64.wav  WR0      male    64        surprise   surprised
        samples/TP0_neutral_2.wav     TP0      -       2         neutral    neutral
    """),
    left_out={
        "samples/WR0_anger_38.wav": "listed in data.tsv",
        "samples/WR0_calm_1.wav": "not one of nEMO's",
    },
    others={
        "samples/WR0_anger_38.wav": None,
        "samples/._EB0_anger_1.wav": HIDDEN,
        # The speakers are padded with spaces, and quotation marks quote nothing.
        "data.tsv": "\n".join(
            [
                "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage",
                "EB0_anger_1.wav\tanger\t\u201eR\u00f3d\u201d\tr\u00f3d\t        EB0\tfemale\t27",
                'EB0_fear_21.wav\tfear\t"Ucho\tucho\t        EB0\tfemale\t27',
                "EB0_neutral_13.wav\tneutral\tUcho.\tucho\t        EB0\tfemale\t27",
                "WR0_happiness_90.wav\thappiness\tUcho.\tucho\t        WR0\tmale\t23",
                "WR0_sadness_9.wav\tsadness\tUcho.\tucho\t        WR0\tmale\t23",
                "WR0_surprised_64.wav\tsurprised\tUcho.\tucho\t        WR0\tmale\t23",
                "WR0_anger_38.wav\tanger\tUcho.\tucho\t        WR0\tmale\t23",
                "",
            ]
        ),
    },
)

ESD = Plan(
    sound=Sound(rate=16_000),
    rows=table("""
        path                           speaker  sex     sentence      emotion    label     language
        0001/Neutral/0001_000001.wav   0001     female  Mandarin-001  neutral    Neutral   Mandarin
        0001/Angry/0001_000351.wav     0001     female  Mandarin-001  anger      Angry     Mandarin
        0010/Happy/0010_001050.wav     0010     male    Mandarin-350  happiness  Happy     Mandarin
        0011/Sad/0011_001052.wav       0011     male    English-002   sadness    Sad       English
        0019/Surprise/0019_001750.wav  0019     female  English-350   surprise   Surprise  English
        0020/Neutral/0020_000350.wav   0020     male    English-350   neutral    Neutral   English
    """),
    left_out={"0020/Neutral/0019_000350.wav": "not one of ESD's"},  # another's folder
    others={
        "0001/0001.txt": "0001_000001\t\u6253\u8fdc\u4e00\u770b\t\u4e2d\u7acb\n",
        "0001/Angry/._0001_000351.wav": HIDDEN,
    },
)
