import keras
import network_lines
import numpy as np
import pytest
import recorded

from end2end.models import resnets
from end2end.utils import files

# As the original counted them at one channel, 288x224 and three outputs.
PARAMETERS = {
    "resnet_18": 11_184_963, "resnet_34": 21_304_259, "resnet_38": 5_774_339,
    "resnet_50": 23_564_291, "resnet_101": 42_634_755, "resnet_152": 58_347_523,
    "resnet_50_org": 23_572_227, "dm_resnet_14": 8_021_507,
    "dm_resnet_47rb5": 79_779_587, "dm_resnet_56rb6": 319_043_331,
    "dm_resnet_65rb7": 1_275_721_475}
QUICK = ("resnet_18", "resnet_38", "dm_resnet_14")
SMALL = resnets.ResnetOptions(filters=4)


@pytest.mark.parametrize("name", [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
    for name in resnets.RESNETS])
def test_a_residual_network_has_the_originals_number_of_weights(name):
    # No memory is taken for the weights in this scope.
    with keras.StatelessScope():
        model = resnets.resnet(name, (288, 224, 1), 3)
    assert model.count_params() == PARAMETERS[name]


def test_the_two_view_network_has_two_towers_of_their_own():
    with keras.StatelessScope():
        model = resnets.two_view_resnet("resnet_18", (288, 224, 1), 1)
    assert model.count_params() == 22_367_873
    assert [layer.name for layer in model.layers] == [
        "cc", "mlo", "cc_tower", "mlo_tower", "views", "output"]
    assert model.name == "resnet_18_two_view"


def test_the_views_are_not_exchangeable_and_outputs_are_probabilities():
    keras.utils.set_random_seed(1)
    model = resnets.two_view_resnet("dm_resnet_14", (64, 48, 1), 2, SMALL)
    random = np.random.default_rng(0)
    cc, mlo = random.normal(size=(2, 1, 64, 48, 1)).astype("float32")
    scores = np.asarray(model([cc, mlo]))
    assert scores.sum() == pytest.approx(1)
    assert not np.allclose(scores, model([mlo, cc]))


def test_settings_reach_their_layers():
    options = resnets.ResnetOptions(
        filters=4, alpha=0.2, l1_ratio=0.25, input_dropout=0.1, dropout=0.3, pool=0,
        shortcut_bn=True)
    model = resnets.resnet("dm_resnet_14", (64, 48, 3), 1, options)
    penalty = model.get_layer("output").kernel_regularizer
    assert (float(penalty.l1), float(penalty.l2)) == pytest.approx((0.05, 0.075))
    assert model.get_layer("input_dropout").rate == 0.1
    assert model.get_layer("stage1_1_a_dropout").rate == 0.3
    assert "stem_pool" not in [layer.name for layer in model.layers]
    assert model.get_layer("stage2_1_shortcut_bn").epsilon == 1e-3
    assert model.get_layer("output").activation.__name__ == "sigmoid"


def test_a_pure_ratio_gives_a_pure_penalty():
    assert type(resnets.elastic_net(1, 0)) is keras.regularizers.L2
    assert type(resnets.elastic_net(1, 1)) is keras.regularizers.L1


def test_an_unknown_network_is_refused_by_name():
    with pytest.raises(files.InputError, match="'resnet_19' is not known"):
        resnets.resnet("resnet_19", (64, 48, 1), 2)


@pytest.mark.parametrize("name", ["resnet_18", "resnet_38", "resnet_50_org"])
def test_the_layers_of_a_residual_network_are_as_recorded(name):
    options = resnets.ResnetOptions(
        filters=3, alpha=0.2, l1_ratio=0.25, input_dropout=0.1, dropout=0.3)
    with keras.StatelessScope():
        model = resnets.resnet(name, (64, 48, 3), 3, options)
    assert (model.name, model.inputs[0].name) == (name, "image")
    recorded.check(f"models-{name}", "\n".join(network_lines.described(model)))
