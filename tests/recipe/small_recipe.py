"""The smallest recipe that the tables accept."""

TEXT = """
name = "small"
source = "factory"
backbone = { name = "resnet18" }
method = { name = "dino" }
image = { resize_px = 36, crop_px = 32 }
optim = { name = "sgd", lr = 0.1 }
pretrain = { epochs = 2, batch_size = 8 }

[[views]]
count = 2
size_px = 32
scale = [0.3, 1.0]

[finetune]
epochs = 1
batch_size = 8
optim = { name = "sgd", lr = 0.1, weight_decay = 1e-4 }
view = { count = 1, size_px = 32, scale = [0.3, 1.0] }
"""
