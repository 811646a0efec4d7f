import argparse

from end2end.config import model_flags


def parsed(*words):
    parser = argparse.ArgumentParser()
    model_flags.add(parser)
    return model_flags.typed(parser.parse_args(words))


def test_nothing_typed_leaves_a_model_as_its_file_says():
    assert parsed() == model_flags.AS_STORED


def test_classes_and_logits_are_taken_as_typed():
    assert parsed("--class-list", "pos", "neg", "--output", "logits") == \
        model_flags.OutputOptions(("pos", "neg"), "logits")
