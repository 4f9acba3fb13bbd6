"""The table of a run."""

from mrcnn.training.csv_log import CsvLog, best_epoch, read_log


def test_rows_are_epochs_and_later_columns_are_added(tmp_path):
    log = CsvLog(tmp_path)
    log.on_epoch_end(0, {"loss": 0.5})
    log.on_epoch_end(1, {"loss": 0.25, "val_AP": 0.1})
    assert (tmp_path / "training_log.csv").read_text().split() == [
        "epoch,loss,val_AP",
        "1,0.5,",
        "2,0.25,0.1",
    ]


def test_going_on_drops_epochs_that_are_done_again(tmp_path):
    log = CsvLog(tmp_path)
    for epoch in range(3):
        log.on_epoch_end(epoch, {"loss": epoch})
    CsvLog(tmp_path, first_epoch=2).on_epoch_end(2, {"loss": 9})
    assert [row["loss"] for row in read_log(tmp_path)] == ["0", "1", "9"]


def test_the_best_loss_is_low_and_the_best_precision_high(tmp_path):
    log = CsvLog(tmp_path)
    for epoch, (loss, precision) in enumerate([(3, 0.1), (1, 0.2), (1, 0.15)]):
        log.on_epoch_end(epoch, {"val_loss": loss, "val_AP": precision})
    assert best_epoch(tmp_path, "val_loss") == 2
    assert best_epoch(tmp_path, "val_AP") == 2
    assert best_epoch(tmp_path, "val_AR") is None
    assert best_epoch(tmp_path / "none", "val_loss") is None
