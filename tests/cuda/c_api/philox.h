/* SPDX-License-Identifier: Apache-2.0 */
/* Philox4x32-10 from its paper (Salmon et al. 2011, figure 4), and the keys of bnas as their documentation says. */
#ifndef BNAS_TESTS_C_API_PHILOX_H
#define BNAS_TESTS_C_API_PHILOX_H

#include <bnas/kernels.h>

static inline void philox_block(const bnas_random_key* key, uint64_t index, uint32_t out[4]) {
  uint32_t k0 = (uint32_t)key->seed, k1 = (uint32_t)(key->seed >> 32);
  uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32), c2 = (uint32_t)key->stream;
  uint32_t c3 = (uint32_t)(key->stream >> 32) ^ key->purpose << 24;
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = (uint64_t)0xD2511F53U * c0, p1 = (uint64_t)0xCD9E8D57U * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1, c3 = (uint32_t)p0;
    k0 += 0x9E3779B9U, k1 += 0xBB67AE85U;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

static inline uint32_t philox_bits(const bnas_random_key* key, uint64_t index) {
  uint32_t four[4];
  philox_block(key, index / 4, four);
  return four[index % 4];
}

/** The key of operation `site` of a step, for numbers of another purpose. */
static inline bnas_random_key philox_of_site(const bnas_random_key* step, uint64_t site, uint32_t purpose) {
  uint32_t four[4];
  bnas_random_key key = *step;
  philox_block(step, ~site, four);
  key.stream = ((uint64_t)four[0] << 32 | four[1]) & 0x00FFFFFFFFFFFFFFU;
  key.purpose = purpose;
  return key;
}

#endif
