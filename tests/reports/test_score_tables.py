"""Statistics as tables: columns that say something, intervals, groups."""

from end2end.reports import report, score_tables


def test_an_interval_is_two_numbers_of_three_digits():
    assert score_tables.between((0.8124, 0.9)) == "0.812 to 0.900"


def test_columns_that_are_empty_in_every_row_are_left_out_on_the_terminal():
    table = report.Table(("name", "AUC", "drawn by patient"), [
        ("first", 0.91234, ""), ("second, longer", None, "")], "What it is")
    assert score_tables.as_text(table) == [
        "What it is", "  name            AUC", "  first           0.9123",
        "  second, longer"]


def test_a_group_of_one_class_has_no_auc():
    rows = {"CC": dict(count=4, positive=2, auc=0.75, auc_interval=(0.5, 1.0)),
            "MLO": dict(count=3, positive=0)}
    table = score_tables.group("view", rows)
    assert table.rows[0] == ("CC", 4, 2, 0.75,
                             "0.500 to 1.000 (few: 2 with cancer)")
    assert table.rows[1] == ("MLO", 3, 0, None, "one class only")


def test_a_comparison_names_each_file_with_its_difference():
    statistic = dict(auc=0.8, difference=-0.1, difference_interval=(-0.2, 0.0),
                     delong=dict(interval=(-0.25, 0.05), p_value=0.04321))
    table = score_tables.comparison([("other", statistic)])
    assert table.rows == [("other", 0.8, -0.1, "-0.200 to 0.000", "",
                           "-0.250 to 0.050", "0.043")]


def test_classes_have_accuracy_and_a_matrix_with_named_rows():
    results = dict(confusion=[[3, 1], [0, 4]], classes=["mass", "none"], count=8,
                   confusion_normalized=[[0.75, 0.25], [0.0, 1.0]], accuracy=0.875,
                   accuracy_interval=(0.6, 1.0))
    accuracy, matrix = score_tables.tables(results)
    assert accuracy.rows == [(8, 0.875, "0.600 to 1.000")]
    assert matrix.columns == ("true class", "mass", "none")
    assert list(matrix.rows[0]) == ["mass", 0.75, 0.25]


def test_few_cancers_are_said_beside_the_interval():
    assert score_tables.few(dict(count=200, positive=10)) == " (few: 10 with cancer)"
    assert score_tables.few(dict(count=200, positive=195)) == (
        " (few: 5 without cancer)")
    assert score_tables.few(dict(count=200, positive=60)) == ""


def test_where_one_class_alone_counts_the_other_is_not_judged():
    assert score_tables.few(dict(positive=29)) == " (few: 29 with cancer)"
    assert score_tables.few(dict(positive=30)) == ""
    assert score_tables.few(dict(count=8, accuracy=0.9)) == ""


def test_a_caption_ends_with_what_is_to_be_said_of_few_cases():
    table = report.Table(("at",), [(0.5,)], "Points")
    assert score_tables.noted(table, dict(count=40, positive=7)).caption == (
        "Points (few: 7 with cancer)")
    assert score_tables.noted(table, dict(count=90, positive=40)) == table


def test_the_gain_of_two_views_has_a_row_of_the_ranking():
    images = dict(count=9, positive=4, auc=0.7, auc_interval=(0.6, 0.8),
                  auc_interval_delong=(0.61, 0.79))
    breasts = dict(images, count=5, positive=2, auc=0.75, gain=0.05,
                   gain_interval=(-0.01, 0.11))
    *_, row = score_tables.ranking(dict(images, breasts=breasts)).rows
    assert row[:4] == ("gain of two views over one", 5, 2, 0.05)
    assert row[4].startswith("-0.010 to 0.110") and row[5:] == ("", "")
    rows = score_tables.ranking(images).rows
    assert len(rows) == 1 and rows[0][1:4] == (9, 4, 0.7)
