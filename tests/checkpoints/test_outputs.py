"""Outputs are probabilities of known classes, or the model is refused."""

import foreign_models
import keras
import numpy as np
import pytest
import recorded
from keras import layers

from end2end import checkpoints, config
from end2end.checkpoints import outputs
from end2end.config.model_flags import OutputOptions
from end2end.utils import files

IMAGES = config.ImageOptions(size=(9, 7), channels=1, intensity_scale=1.0)


def load(tmp_path, *stack, card=None, **options):
    path = foreign_models.save(foreign_models.network(*stack), tmp_path / "m.h5")
    if card is not None:
        files.write_json(tmp_path / "m.config.json", card)
    return checkpoints.load_classifier(
        path, IMAGES, output_options=OutputOptions(**options))


def scores(classifier):
    return classifier.model.predict_on_batch(foreign_models.images())


def plain(*stack):
    return foreign_models.network(*stack).predict_on_batch(foreign_models.images())


def test_logits_are_refused_with_the_flag_that_helps_and_read_with_it(tmp_path):
    with pytest.raises(files.InputError, match="--output logits"):
        load(tmp_path, *foreign_models.classifier_top(2, None))
    logits = plain(*foreign_models.classifier_top(2, None))
    classifier = load(tmp_path, *foreign_models.classifier_top(2, None), kind="logits")
    np.testing.assert_allclose(
        scores(classifier), np.exp(logits) / np.exp(logits).sum(1, keepdims=True),
        atol=1e-6)


def test_a_single_logit_becomes_the_probability_of_cancer(tmp_path):
    logits = plain(*foreign_models.classifier_top(1, None))[:, 0]
    classifier = load(tmp_path, *foreign_models.classifier_top(1, None), kind="logits")
    np.testing.assert_allclose(
        scores(classifier)[:, 1], 1 / (1 + np.exp(-logits)), atol=1e-6)


@pytest.mark.parametrize(("names", "column"), [
    ((), 1), (("pos",), 1), (("neg",), 0), (("neg", "pos"), 1), (("pos", "neg"), 0)])
def test_a_single_sigmoid_is_the_class_that_is_named(tmp_path, names, column):
    p = plain(*foreign_models.classifier_top(1, "sigmoid"))[:, 0]
    classifier = load(
        tmp_path, *foreign_models.classifier_top(1, "sigmoid"), classes=names)
    cancer = scores(classifier)[:, classifier.classes.index("pos")]
    np.testing.assert_allclose(cancer, p if column else 1 - p, atol=1e-6)
    assert bool(classifier.cautions) == (not names)


def test_an_order_that_nobody_names_is_a_caution_and_a_named_one_is_not(
        tmp_path, caplog):
    classifier = load(tmp_path, *foreign_models.classifier_top())
    assert classifier.classes == ("neg", "pos")
    assert "--class-list" in classifier.cautions[0] and "is not known" in caplog.text
    for card, names, expected in (
            ({"classes": ["pos", "neg"]}, (), ("pos", "neg")),
            (None, ("pos", "neg"), ("pos", "neg")),
            ({"classes": ["neg", "pos"]}, ("pos", "neg"), ("pos", "neg"))):
        classifier = load(
            tmp_path, *foreign_models.classifier_top(), card=card, classes=names)
        assert (classifier.classes, classifier.cautions) == (expected, ())


@pytest.mark.parametrize(("stack", "options", "named"), [
    ((layers.Conv2D(2, 1),), {}, "gives arrays of the shape"),
    (foreign_models.classifier_top(1, "softmax"), {}, "1 for every image"),
    (foreign_models.classifier_top(2, "tanh"), {}, "ends in tanh"),
    (foreign_models.classifier_top(2, "softmax"), {"kind": "logits"}, "Leave it out"),
    (foreign_models.classifier_top(2), {"classes": ("a", "a")}, "not all different"),
    (foreign_models.classifier_top(2), {"classes": ("a", "b", "c")}, "has 2 outputs")])
def test_outputs_that_are_no_probabilities_are_refused_in_a_sentence(
        tmp_path, stack, options, named):
    stack = [type(layer).from_config(layer.get_config()) for layer in stack]
    with pytest.raises(files.InputError, match=named):
        load(tmp_path, *stack, **options)


@pytest.mark.parametrize(("shape", "shown"), [
    ((9, 7, 2), "(9, 7, 2)"), ((None, 7, 4), "(any, 7, 4)"), ((5, 3), "(5, 3)")])
def test_inputs_that_are_no_grey_or_colour_image_are_refused(shape, shown):
    model = foreign_models.network(layers.Flatten() if len(shape) < 3 else
                                   layers.GlobalAveragePooling2D(), layers.Dense(2),
                                   shape=shape)
    with pytest.raises(files.InputError) as caught:
        outputs.settled(model, {}, OutputOptions(), "m.h5")
    assert str(caught.value) == (
        f"model m.h5 takes arrays of the shape {shown}; expected images (height, "
        "width, channels) of 1 or 3 channels.")


def test_two_images_at_once_and_several_outputs_are_refused_by_name(tmp_path):
    cc, mlo = keras.Input((9, 7, 1), name="cc"), keras.Input((9, 7, 1), name="mlo")
    x = layers.Flatten()(layers.Concatenate()([cc, mlo]))
    out = layers.Dense(2, activation="softmax", name="cancer")(x)
    for model, named in ((keras.Model([cc, mlo], out), "2 images at once .cc, mlo."),
                         (keras.Model(cc, [
                             layers.Dense(2, name="cancer")(layers.Flatten()(cc)),
                             layers.Dense(4, name="density")(layers.Flatten()(cc))]),
                          "2 outputs .cancer, density.")):
        path = foreign_models.save(model, tmp_path / "m.h5")
        with pytest.raises(files.InputError, match=named):
            checkpoints.load_classifier(path, IMAGES)


def test_the_mean_of_two_softmaxes_is_a_probability(tmp_path):
    image = keras.Input((9, 7, 1))
    x = layers.Flatten()(image)
    both = [layers.Dense(2, activation="softmax")(x) for _ in range(2)]
    path = foreign_models.save(
        keras.Model(image, layers.Average()(both)), tmp_path / "m.h5")
    checkpoints.load_classifier(path, IMAGES)


@pytest.mark.parametrize(("count", "activation", "kind", "name", "names"), [
    (1, "sigmoid", "probabilities", "complement", ["complement_", "both_classes"]),
    (1, None, "logits", "both_classes", [
        "probabilities", "complement", "both_classes_"]),
    (2, None, "logits", "probabilities", ["probabilities_"])])
def test_a_model_of_two_views_gets_the_same_form_whatever_its_layers_are_called(
        count, activation, kind, name, names):
    cc, mlo = views = [keras.Input((9, 7, 1), name=name) for name in ("cc", "mlo")]
    model = keras.Model(views, layers.Dense(count, activation, name=name)(
        layers.Flatten()(layers.Concatenate()([cc, mlo]))))
    settled = outputs.settled(model, dict(kind="two_view"), OutputOptions(kind=kind),
                              "m.h5")
    assert [layer.name for layer in settled.model.layers][
        len(model.layers):] == names
    images = [foreign_models.images(), 1 - foreign_models.images()]
    x = model.predict_on_batch(images)
    if kind == "logits":
        x = np.exp(x) / np.exp(x).sum(1, keepdims=True) if count > 1 else (
            1 / (1 + np.exp(-x)))
    np.testing.assert_allclose(settled.model.predict_on_batch(images),
                               x if count > 1 else np.hstack([1 - x, x]), atol=1e-6)


def test_a_model_of_a_list_of_one_image_is_then_one_of_an_image():
    image = keras.Input((9, 7, 1))
    model = keras.Model([image], layers.Dense(1, "sigmoid")(layers.Flatten()(image)))
    settled = outputs.settled(model, {}, OutputOptions(), "m.h5")
    assert isinstance(model.input, list)
    assert not isinstance(settled.model.input, list)


def ended(*stack, inputs=1):
    """A network of one image, or of more, that ends in some layers."""
    images = [keras.Input((9, 7, 1), name=f"image{i}") for i in range(inputs)]
    x = layers.Flatten()(images[0])
    for layer in stack:
        x = layer(x)
    return keras.Model(images if inputs > 1 else images[0], x)


def branches(join, *activations):
    """What joins outputs of these activations."""
    return lambda x: join([layers.Dense(2, activation=name)(x) for name in activations])


ENDS = {
    "softmax": [layers.Dense(3, "softmax")], "sigmoid": [layers.Dense(2, "sigmoid")],
    "one": [layers.Dense(1, "sigmoid")], "one softmax": [layers.Dense(1, "softmax")],
    "logits": [layers.Dense(2)], "one logit": [layers.Dense(1)],
    "log": [layers.Dense(2, "log_softmax")], "relu": [layers.Dense(2, "relu")],
    "later": [layers.Dense(2), layers.Activation("linear"), layers.Softmax()],
    "kept": [layers.Dense(2, "sigmoid"), layers.Dropout(0.5),
             layers.Activation("linear"), layers.Reshape((2,))],
    "normalised": [layers.Dense(2, "sigmoid"), layers.BatchNormalization()],
    **{f"relu {text}": [layers.Dense(2), layers.ReLU(*numbers)] for text, numbers in {
        "6": (6,), "1": (1,), "0": (0,), "plain": (), "leaky": (1, 0.1),
        "high": (1, 0, 0.5)}.items()},
    **{f"rescaled {scale} {offset} {name}": [
        layers.Dense(2, name), layers.Rescaling(scale, offset)]
       for scale, offset, name in ((-1, 1, "softmax"), (1, 0, "sigmoid"),
                                   (1, 0.1, "sigmoid"), (-1, 0, "sigmoid"),
                                   (0.5, 0.5, "softmax"), (2, 0, None), (1, 0, "relu"))
       },
    "mean": [branches(layers.Average(), "softmax", "softmax")],
    "mixed mean": [branches(layers.Maximum(), "softmax", "sigmoid")],
    "odd mean": [branches(layers.Average(), "softmax", "relu")],
    "product": [branches(layers.Multiply(), "softmax", "sigmoid")],
    "odd product": [branches(layers.Multiply(), "softmax", None)],
    "sum": [branches(layers.Add(), "softmax", "softmax")],
    "nested": [keras.Sequential([layers.Dense(4, "relu"), layers.Dense(2, "softmax")])],
    "map": [layers.Reshape((9, 7))], "nothing": []}
SAID = {
    "nothing": ({}, {}), "a list": ({}, dict(classes=("pos", "neg"))),
    "one name": ({}, dict(classes=("neg",))), "another": ({}, dict(classes=("mass",))),
    "card": (dict(classes=["neg", "pos"]), {}),
    "published": (dict(classes=["a", "pos", "b"], published=True), {}),
    "twice": ({}, dict(classes=("a", "a"))), "logits": ({}, dict(kind="logits"))}


def test_what_outputs_stand_for_is_settled_or_refused_as_recorded():
    lines = []
    for name, stack in ENDS.items():
        model = ended(*stack)
        lines.append(f"== {name}: {outputs.ending(model.outputs[0])}")
        for who, (card, options) in SAID.items():
            if who not in ("nothing", "logits") and name not in (
                    "softmax", "sigmoid", "one"):
                continue
            try:
                settled = outputs.settled(model, card, OutputOptions(**options), "m.h5")
            except files.InputError as error:
                lines.append(f"{who}: refused: {error}")
                continue
            values = settled.model(foreign_models.images()[:1]).numpy()[0]
            lines.append(f"{who}: {settled.classes} {settled.reason!r} "
                         f"{settled.caution!r} {len(values)} {values.min() >= 0} "
                         f"{values.max() <= 1} {settled.model.name == model.name}")
    two = ended(layers.Dense(2, "softmax"), inputs=2)
    for card in ({}, dict(kind="two_view")):
        try:
            lines.append(f"{outputs.check_ends(two, 'm.h5', card)}")
        except files.InputError as error:
            lines.append(str(error))
    recorded.check("outputs", "\n".join(lines))


def test_what_lies_below_a_number_greater_than_1_is_no_probability():
    for greatest, expected in ((1, "sigmoid"), (1.5, "relu"), (2, "relu")):
        model = ended(layers.Dense(2), layers.ReLU(greatest))
        assert outputs.ending(model.outputs[0]) == expected


def test_two_images_of_different_shapes_are_no_two_views():
    views = [keras.Input((9, side, 1), name=name) for side, name in (
        (7, "cc"), (6, "mlo"))]
    x = layers.Concatenate()([layers.Flatten()(view) for view in views])
    model = keras.Model(views, layers.Dense(2, "softmax")(x))
    with pytest.raises(files.InputError, match=r"^model m.h5 takes 2 images at once "):
        outputs.check_ends(model, "m.h5", dict(kind="two_view"))
