// SPDX-License-Identifier: Apache-2.0
// Matrix instructions. A is m x k by rows, B is k x 8 by columns, C and D are m x 8 by rows; the kernels place elements
// as the PTX manual draws the fragments.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>

#include <cstdint>

namespace {

struct Lane {
  int group = threadIdx.x / 4;
  int within = threadIdx.x % 4;
};

/// Words of A's fragment: rows l / 4 and l / 4 + 8, words l mod 4 and l mod 4 + 4 of each. `words` per row.
template <int kCount>
__device__ void load_a(const std::uint32_t* a, int words, std::uint32_t (&fragment)[kCount]) {
  const Lane l;
  for (int i = 0; i < kCount; ++i) {
    fragment[i] = a[(l.group + 8 * (i % 2)) * words + l.within + 4 * (i / 2)];
  }
}
template <int kCount>
__device__ void load_b(const std::uint32_t* b, int words, std::uint32_t (&fragment)[kCount]) {
  const Lane l;
  for (int i = 0; i < kCount; ++i) {
    fragment[i] = b[l.group * words + l.within + 4 * i];
  }
}
template <class T>
__device__ T& result(T* d, int i) {
  const Lane l;
  return d[(l.group + 8 * (i / 2)) * 8 + l.within * 2 + i % 2];
}

}  // namespace

// An m16 instruction with four words of A, two of B, four 32-bit results.
#define M16_4_2(NAME, TYPE, CONSTRAINT, INSTRUCTION)                                                        \
  extern "C" __global__ void NAME(const std::uint32_t* a, const std::uint32_t* b, const TYPE* c, TYPE* d) { \
    std::uint32_t fa[4], fb[2];                                                                             \
    load_a(a, 8, fa);                                                                                       \
    load_b(b, 8, fb);                                                                                       \
    TYPE r[4];                                                                                              \
    for (int i = 0; i < 4; ++i) {                                                                           \
      r[i] = result(c, i);                                                                                  \
    }                                                                                                       \
    asm volatile(INSTRUCTION " {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"                          \
                 : "+" CONSTRAINT(r[0]), "+" CONSTRAINT(r[1]), "+" CONSTRAINT(r[2]), "+" CONSTRAINT(r[3])   \
                 : "r"(fa[0]), "r"(fa[1]), "r"(fa[2]), "r"(fa[3]), "r"(fb[0]), "r"(fb[1]));                 \
    for (int i = 0; i < 4; ++i) {                                                                           \
      result(d, i) = r[i];                                                                                  \
    }                                                                                                       \
  }

// An m16 instruction with two words of A and one of B.
#define M16_2_1(NAME, TYPE, CONSTRAINT, INSTRUCTION)                                                        \
  extern "C" __global__ void NAME(const std::uint32_t* a, const std::uint32_t* b, const TYPE* c, TYPE* d) { \
    std::uint32_t fa[2], fb[1];                                                                             \
    load_a(a, 4, fa);                                                                                       \
    load_b(b, 4, fb);                                                                                       \
    TYPE r[4];                                                                                              \
    for (int i = 0; i < 4; ++i) {                                                                           \
      r[i] = result(c, i);                                                                                  \
    }                                                                                                       \
    asm volatile(INSTRUCTION " {%0,%1,%2,%3},{%4,%5},{%6},{%0,%1,%2,%3};"                                   \
                 : "+" CONSTRAINT(r[0]), "+" CONSTRAINT(r[1]), "+" CONSTRAINT(r[2]), "+" CONSTRAINT(r[3])   \
                 : "r"(fa[0]), "r"(fa[1]), "r"(fb[0]));                                                     \
    for (int i = 0; i < 4; ++i) {                                                                           \
      result(d, i) = r[i];                                                                                  \
    }                                                                                                       \
  }

// An m8 instruction with one word each.
#define M8_1_1(NAME, INSTRUCTION)                                                                         \
  extern "C" __global__ void NAME(const std::uint32_t* a, const std::uint32_t* b, const int* c, int* d) { \
    std::uint32_t fb[1];                                                                                  \
    load_b(b, 4, fb);                                                                                     \
    const Lane l;                                                                                         \
    int r[2] = {result(c, 0), result(c, 1)};                                                              \
    asm volatile(INSTRUCTION " {%0,%1},{%2},{%3},{%0,%1};"                                                \
                 : "+r"(r[0]), "+r"(r[1])                                                                 \
                 : "r"(a[l.group * 4 + l.within]), "r"(fb[0]));                                           \
    result(d, 0) = r[0];                                                                                  \
    result(d, 1) = r[1];                                                                                  \
  }

M16_4_2(m16n8k16_f16, float, "f", "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32")
M16_4_2(m16n8k16_bf16, float, "f", "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32")
M16_4_2(m16n8k8_tf32, float, "f", "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32")
M16_4_2(m16n8k32_s8, int, "r", "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32")
M16_4_2(m16n8k32_u8_s8, int, "r", "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32")
M16_4_2(m16n8k256_xor, int, "r", "mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.xor.popc")
M16_4_2(m16n8k256_and, int, "r", "mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.and.popc")
M16_2_1(m16n8k8_f16, float, "f", "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32")
M16_2_1(m16n8k8_bf16, float, "f", "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32")
M16_2_1(m16n8k4_tf32, float, "f", "mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32")
M16_2_1(m16n8k16_s8, int, "r", "mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32")
M16_2_1(m16n8k128_xor, int, "r", "mma.sync.aligned.m16n8k128.row.col.s32.b1.b1.s32.xor.popc")
M8_1_1(m8n8k16_s8, "mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32")
M8_1_1(m8n8k16_s8_saturating, "mma.sync.aligned.m8n8k16.row.col.satfinite.s32.s8.s8.s32")
M8_1_1(m8n8k128_xor, "mma.sync.aligned.m8n8k128.row.col.s32.b1.b1.s32.xor.popc")
M8_1_1(m8n8k128_and, "mma.sync.aligned.m8n8k128.row.col.s32.b1.b1.s32.and.popc")

extern "C" __global__ void m16n8k16_f16_halves(const std::uint32_t* a, const std::uint32_t* b, const std::uint32_t* c,
                                               std::uint32_t* d) {
  std::uint32_t fa[4], fb[2];
  load_a(a, 8, fa);
  load_b(b, 8, fb);
  const Lane l;
  std::uint32_t r[2] = {c[l.group * 4 + l.within], c[(l.group + 8) * 4 + l.within]};
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%0,%1},{%2,%3,%4,%5},{%6,%7},{%0,%1};"
               : "+r"(r[0]), "+r"(r[1])
               : "r"(fa[0]), "r"(fa[1]), "r"(fa[2]), "r"(fa[3]), "r"(fb[0]), "r"(fb[1]));
  d[l.group * 4 + l.within] = r[0];
  d[(l.group + 8) * 4 + l.within] = r[1];
}

extern "C" __global__ void m8n8k4_f64(const double* a, const double* b, const double* c, double* d) {
  const Lane l;
  double r[2] = {result(c, 0), result(c, 1)};
  asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0,%1},{%2},{%3},{%0,%1};"
               : "+d"(r[0]), "+d"(r[1])
               : "d"(a[l.group * 4 + l.within]), "d"(b[l.group * 4 + l.within]));
  result(d, 0) = r[0];
  result(d, 1) = r[1];
}

extern "C" __global__ void wmma_b1(const std::uint32_t* a, const std::uint32_t* b, const int* c, int* d) {
  using namespace nvcuda::wmma;
  fragment<matrix_a, 8, 8, 128, experimental::precision::b1, row_major> fa;
  fragment<matrix_b, 8, 8, 128, experimental::precision::b1, col_major> fb;
  fragment<accumulator, 8, 8, 128, int> fc;
  load_matrix_sync(fa, a, 128);
  load_matrix_sync(fb, b, 128);
  load_matrix_sync(fc, c, 8, mem_row_major);
  bmma_sync(fc, fa, fb, fc, experimental::bmmaBitOpXOR);
  store_matrix_sync(d, fc, 8, mem_row_major);
}

// D = the matrix of 16 x 16 halves at `a`, through shared memory and ldmatrix, as fragments of A: word i of lane l.
extern "C" __global__ void load_matrices(const std::uint32_t* a, std::uint32_t* d, int transposed) {
  __shared__ __align__(16) std::uint32_t tile[128];
  const int l = static_cast<int>(threadIdx.x);
  for (int i = l; i < 128; i += 32) {
    tile[i] = a[i];
  }
  __syncwarp();
  const auto at = static_cast<std::uint32_t>(__cvta_generic_to_shared(tile + l % 16 * 8 + l / 16 * 4));
  std::uint32_t r[4];
  if (transposed != 0) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3},[%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(at));
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3},[%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(at));
  }
  for (int i = 0; i < 4; ++i) {
    d[i * 32 + l] = r[i];
  }
}

// A planted bug: half of the warp has left before the instruction.
extern "C" __global__ void bug_incomplete_warp(const std::uint32_t* a, const std::uint32_t* b, int* d) {
  if (threadIdx.x >= 16) {
    return;
  }
  int r[2] = {0, 0};
  asm volatile("mma.sync.aligned.m8n8k128.row.col.s32.b1.b1.s32.xor.popc {%0,%1},{%2},{%3},{%0,%1};"
               : "+r"(r[0]), "+r"(r[1])
               : "r"(a[threadIdx.x]), "r"(b[threadIdx.x]));
  d[threadIdx.x] = r[0];
}
