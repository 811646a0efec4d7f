"""Stands in for a strategy of `tf.distribute`: replicas computed one after the other.

The processor can be cut into devices once in a process and before anything else; this
needs no devices. Sums are over the replicas of one process.
"""

import contextlib
import dataclasses
import types


@dataclasses.dataclass
class Spread:
    """One value for each replica of a process."""

    values: list


class Strategy:
    """Some replicas, all in one process or in the process of a task.

    Args:
        replicas: of all processes.
        local: of this process; None for all.
        jobs: addresses by job; None for one process.
        task: type and index of this process.
    """

    def __init__(self, replicas, local=None, *, jobs=None, task=("worker", 0)):
        self.num_replicas_in_sync, self.local = replicas, local or replicas
        self.extended = types.SimpleNamespace(worker_devices=range(self.local))
        self.cluster_resolver = jobs and types.SimpleNamespace(
            cluster_spec=lambda: types.SimpleNamespace(as_dict=lambda: jobs),
            task_type=task[0], task_id=task[1])
        places = [(job, i) for job in ("chief", "worker")
                  for i in range(len((jobs or {}).get(job, ())))]
        self.first = self.local * (places.index(task) if jobs else 0)
        self.reduced, self.model = [], None

    def scope(self):
        return contextlib.nullcontext()

    def experimental_distribute_values_from_function(self, function):
        return regrouped([
            function(types.SimpleNamespace(replica_id_in_sync_group=self.first + i))
            for i in range(self.local)])

    def experimental_local_results(self, value):
        return value.values if isinstance(value, Spread) else [value]

    def run(self, function, args=()):
        """Runs on each replica; an optimizer steps once, with the sum of gradients."""
        waiting = []
        with self._optimizer(waiting):
            results = [function(*(arg.values[i] if isinstance(arg, Spread) else arg
                                  for arg in args)) for i in range(self.local)]
        if waiting:
            gradients = [sum(parts) for parts in zip(
                *(gradients for gradients, _ in waiting), strict=True)]
            self.model.optimizer.apply(gradients, waiting[0][1])
        return regrouped(results)

    @contextlib.contextmanager
    def _optimizer(self, waiting):
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is None:
            yield
            return
        optimizer.apply = lambda gradients, variables: waiting.append(
            (gradients, variables))
        try:
            yield
        finally:
            del optimizer.apply

    def reduce(self, operation, value, axis):
        self.reduced.append((operation, axis))
        return sum(value.values)


def regrouped(results):
    """Results of the replicas as TensorFlow gives them: a tuple of spread values where
    each is a tuple."""
    if isinstance(results[0], tuple):
        return tuple(Spread(list(values)) for values in zip(*results, strict=True))
    return Spread(results)
