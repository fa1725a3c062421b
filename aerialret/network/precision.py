"""Whether a device multiplies bfloat16 natively; elsewhere it is slower than float32."""

from contextlib import AbstractContextManager
from typing import Any

import torch


def reduced_precision(device: torch.device) -> AbstractContextManager[Any]:
    """Autocast to bfloat16 where that pays, else nothing."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=multiplies_bfloat16(device))


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 pay on `device`."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # Without native products a CPU emulates bfloat16.
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return bool(native())
