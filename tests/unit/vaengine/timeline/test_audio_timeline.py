"""What is said as bars of a timeline."""

from vaengine.results.audio import Loudness, Speech, Word
from vaengine.timeline.audio import AudioTimeline
from vaengine.timeline.colour_assignment import Colours


def test_words_are_in_order_of_time_also_where_two_people_talk_at_once() -> None:
    hello = Speech("hello there", 0.0, 2.0, words=(Word("hello", 0.0, 0.5), Word("there", 1.5, 2.0)))
    yes = Speech("yes", 1.0, 1.2, speaker_id="speaker_0001", words=(Word("yes", 1.0, 1.2),))
    timeline = AudioTimeline((), (hello, yes), (), (), Loudness.of([]))
    bars = timeline.word_bars(Colours())
    assert [(bar.label, bar.start_s, bar.end_s) for bar in bars] == [
        ("hello", 0.0, 0.5),
        ("yes", 1.0, 1.2),
        ("there", 1.5, 2.0),
    ]
    assert (bars[0].colour, bars[1].colour) == (None, Colours().of("speaker_0001"))
    assert bars[1].title == "yes (1.00 to 1.20 s)"
