// SPDX-License-Identifier: Apache-2.0
// A 64-bit digest (FNV-1a) to tell whether two texts are the same. Against accidents, not against malice: whoever can
// choose both texts only fools himself. Pure; any thread.
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/bytes.h"
#include <stdint.h>

static inline uint64_t digest_of(struct span text)
{
    uint64_t digest = 0xcbf29ce484222325u;
    for (size_t i = 0; i < text.len; i++) {
        digest = (digest ^ (unsigned char)text.at[i]) * 0x100000001b3u;
    }
    return digest;
}

#endif
