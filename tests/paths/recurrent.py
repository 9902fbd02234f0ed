"""Recurrent networks on sequences, small."""

import torch
from torch import nn


class Batched(nn.Module):
    """Read at its last time, the examples along the first axis."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        width = getattr(layer, "proj_size", 0) or layer.hidden_size
        self.head = nn.Linear(width * (1 + layer.bidirectional), 3)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


class TimeFirst(Batched):
    """The time along the first axis; outputs are averaged over time."""

    def forward(self, x):
        out, _ = self.layer(x.transpose(0, 1))
        return self.head(out.permute(1, 0, 2).mean(1))


class LastStates(Batched):
    """Read from the last states, those of both directions side by side."""

    def forward(self, x):
        states = self.layer(x)[1]
        h = states[0] if isinstance(self.layer, nn.LSTM) else states
        return self.head(torch.cat([h[-2], h[-1]], 1) if self.layer.bidirectional else h[-1])


class Begun(Batched):
    """From given states, one of them zero."""

    def forward(self, x):
        h = torch.zeros(self.layer.num_layers, x.shape[0], self.layer.hidden_size, dtype=x.dtype)
        h = torch.cat([h[:1], h[1:] + 0.5])
        return self.head(self.layer(x, (h, h) if isinstance(self.layer, nn.LSTM) else h)[0][:, 1])


class FromInputs(Batched):
    """From what the first inputs are taken to."""

    def __init__(self, layer):
        super().__init__(layer)
        self.first = nn.Linear(2, layer.hidden_size)

    def forward(self, x):
        out, h = self.layer(x, self.first(x[:, 0]).unsqueeze(0))
        return self.head(out[:, -1] + self.layer(x, h)[1].squeeze(0))


class Loop(nn.Module):
    """A cell, called by hand."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        state = None
        for t in range(3):
            state = self.cell(x[:, t], state)
        return self.head(state[0] if isinstance(self.cell, nn.LSTMCell) else state)


class Untraceable(nn.Module):
    """Branches on a shape, which symbols do not have: it is read by exporting it."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) if x.shape[1] == 3 else x


RECURRENT = {
    "RNN": lambda: Batched(nn.RNN(2, 4, batch_first=True)),
    "RNN relu": lambda: TimeFirst(nn.RNN(2, 4, nonlinearity="relu")),
    "GRU": lambda: Batched(nn.GRU(2, 4, 2, batch_first=True)),
    "LSTM": lambda: TimeFirst(nn.LSTM(2, 4, bias=False)),
    "LSTM projected": lambda: Batched(nn.LSTM(2, 4, 2, batch_first=True, proj_size=2)),
    "GRU both ways": lambda: LastStates(nn.GRU(2, 3, batch_first=True, bidirectional=True)),
    "LSTM both ways": lambda: LastStates(
        nn.LSTM(2, 3, 2, batch_first=True, bidirectional=True, dropout=0.2)
    ),
    "GRU begun": lambda: Begun(nn.GRU(2, 4, 2, batch_first=True)),
    "LSTM begun": lambda: Begun(nn.LSTM(2, 4, 2, batch_first=True)),
    "GRU from inputs": lambda: FromInputs(nn.GRU(2, 4, batch_first=True)),
    "RNN exported": lambda: Untraceable(TimeFirst(nn.RNN(2, 4, nonlinearity="relu", bias=False))),
    "GRU exported": lambda: Untraceable(
        LastStates(nn.GRU(2, 3, batch_first=True, bidirectional=True))
    ),
    "LSTM exported": lambda: Untraceable(Begun(nn.LSTM(2, 4, 2, batch_first=True))),
    "LSTM projected, exported": lambda: Untraceable(
        Batched(nn.LSTM(2, 4, 2, batch_first=True, proj_size=2, bias=False, bidirectional=True))
    ),
    "RNN cell": lambda: Loop(nn.RNNCell(2, 4)),
    "GRU cell": lambda: Loop(nn.GRUCell(2, 4)),
    "LSTM cell": lambda: Loop(nn.LSTMCell(2, 4)),
}
"""Of sequences ``[n, 3, 2]``."""
