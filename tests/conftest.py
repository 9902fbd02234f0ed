"""Settings of every test run."""

import torch

torch.set_num_threads(1)  # the tests run in two processes on two cores
