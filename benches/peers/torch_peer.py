"""Steps and Hessian–vector products of the network in PyTorch, as a training loop there is written: eager, with autograd."""

import os

import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(len(os.sched_getaffinity(0)))

STEPS = 1000


def works(work, sizes, data):
    return {
        "network_steps": lambda: network_steps(sizes, data),
        "hessian_vector": lambda: hessian_vector(sizes, data),
    }.get(work)


def batch_norm(x):
    centred = x - x.mean(0)
    return centred / (centred**2).mean(0).sqrt()


def network(sizes, data):
    samples, features, width = sizes
    inputs = torch.tensor(data["inputs"]).reshape(samples, features)
    targets = torch.tensor(data["targets"]).reshape(samples, 1)

    def loss(w):
        hidden = w[: width * features].reshape(width, features)
        readout = w[width * features :].reshape(width, 1)
        normal = batch_norm(inputs @ hidden.T)
        prediction = batch_norm((normal / (1 + normal**2).sqrt()) @ readout)
        return ((prediction - targets) ** 2).mean()

    return loss


def network_steps(sizes, data):
    loss = network(sizes, data)
    eta, shrinkage = data["learning_rate"][0], 1 - data["intrinsic_lr"][0]

    def run(w, repeats):
        for _ in range(repeats):
            [gradient] = torch.autograd.grad(loss(w), w)
            with torch.no_grad():
                w.mul_(shrinkage).sub_(gradient, alpha=eta)
        return w

    def start():
        return torch.tensor(data["start"], requires_grad=True)

    state = start()

    def once(repeats):
        run(state, repeats)

    return once, lambda: run(start(), STEPS).detach().numpy()


def hessian_vector(sizes, data):
    loss = network(sizes, data)
    w = torch.tensor(data["start"], requires_grad=True)
    along = torch.tensor(data["along"])

    def product(v):
        [gradient] = torch.autograd.grad(loss(w), w, create_graph=True)
        return torch.autograd.grad(gradient @ v, w)[0]

    state = [along]

    def once(repeats):
        for _ in range(repeats):
            image = product(state[0])
            state[0] = image / image.norm()

    return once, lambda: product(along).numpy()
