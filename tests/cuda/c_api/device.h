/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the device and comparisons, for tests in C. Nothing is freed: the programs are short. */
#ifndef BNAS_TESTS_C_API_DEVICE_H
#define BNAS_TESTS_C_API_DEVICE_H

#include <bnas/kernels.h>
#include <cuda_runtime_api.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

static inline void expect(int good, const char* what) {
  if (!good) {
    fprintf(stderr, "failed: %s\n", what);
    ++failures;
  }
}

static inline void require(int good, const char* what) {
  if (!good) {
    fprintf(stderr, "cannot go on: %s\n", what);
    exit(1);
  }
}

static inline void require_ok(bnas_status_t status) {
  char text[256];
  bnas_status_string(status, text, sizeof text);
  require(status.code == BNAS_OK, text);
}

static inline void* to_device(const void* host, size_t bytes) {
  void* device = NULL;
  require(cudaMalloc(&device, bytes) == cudaSuccess, "memory of the device");
  require(cudaMemcpy(device, host, bytes, cudaMemcpyHostToDevice) == cudaSuccess, "upload");
  return device;
}
#define ON_DEVICE(array) to_device(array, sizeof(array))

static inline void* room(size_t bytes) {
  void* device = NULL;
  require(cudaMalloc(&device, bytes) == cudaSuccess, "memory of the device");
  return device;
}

static inline void from_device(const void* device, void* host, size_t bytes) {
  require(cudaDeviceSynchronize() == cudaSuccess, "the kernels ran");
  require(cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost) == cudaSuccess, "download");
}

/** Scratch of `bytes` with zero tickets. */
static inline bnas_scratch scratch_of(size_t bytes) {
  static const uint32_t zeros[BNAS_TICKETS];
  bnas_scratch scratch = {room(bytes + 1), bytes, (uint32_t*)ON_DEVICE(zeros)};
  return scratch;
}

/** |got - want| <= tolerance max(1, |want|) for n floats on the device. */
static inline void expect_floats(const float* device, const double* want, int n, double tolerance, const char* what) {
  float got[64];
  char text[160];
  require(n <= 64, "room to compare");
  from_device(device, got, (size_t)n * sizeof(float));
  for (int i = 0; i < n; ++i) {
    snprintf(text, sizeof text, "%s: [%d] is %.9g, not %.9g", what, i, (double)got[i], want[i]);
    expect(fabs((double)got[i] - want[i]) <= tolerance * fmax(1.0, fabs(want[i])), text);
  }
}

static inline void expect_ints(const int32_t* device, const int32_t* want, int n, const char* what) {
  int32_t got[64];
  require(n <= 64, "room to compare");
  from_device(device, got, (size_t)n * sizeof(int32_t));
  expect(memcmp(got, want, (size_t)n * sizeof(int32_t)) == 0, what);
}

#endif
