/* SPDX-License-Identifier: Apache-2.0 */
/* Which signs match? One filter over one pixel of 40 channels: a dot product of bits, from C. */
#include <bnas/kernels.h>
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>

static void require(bnas_status_t status) {
  char text[256];
  if (status.code != BNAS_OK) {
    bnas_status_string(status, text, sizeof text);
    fprintf(stderr, "%s\n", text);
    exit(1);
  }
}

int main(void) {
  const uint32_t x[2] = {0x0F0F0F0FU, 0x000000FFU}; /* the first 32 channels, then 8; 1 is -1 */
  const uint32_t w[2] = {0x0F0F0F0EU, 0x000000F0U}; /* differs in 1 + 4 channels */
  bnas_conv2d_dims dims = {0};
  bnas_kernel_info info;
  void* device = NULL; /* x, w, y, each in 256 bytes */
  char* at;
  int8_t y = 0;
  cudaStream_t stream;

  if (bnas_abi_version() != BNAS_ABI_VERSION) {
    fprintf(stderr, "the library is another one than the header\n");
    return 1;
  }
  dims.n = dims.h = dims.w = dims.o = dims.kh = dims.kw = dims.stride_h = dims.stride_w = 1;
  dims.c = 40;
  if (cudaStreamCreate(&stream) != cudaSuccess || cudaMalloc(&device, 3 * 256) != cudaSuccess) {
    fprintf(stderr, "no CUDA device\n");
    return 69;
  }
  at = device;
  cudaMemcpyAsync(at, x, sizeof x, cudaMemcpyHostToDevice, stream);
  cudaMemcpyAsync(at + 256, w, sizeof w, cudaMemcpyHostToDevice, stream);
  require(bnas_binary_conv2d_info(&dims, &info));
  require(bnas_binary_conv2d(&dims, (const uint32_t*)at, (const uint32_t*)(at + 256), at + 512, NULL, stream));
  cudaMemcpyAsync(&y, at + 512, sizeof y, cudaMemcpyDeviceToHost, stream);
  if (cudaStreamSynchronize(stream) != cudaSuccess) {
    fprintf(stderr, "the kernel failed\n");
    return 1;
  }
  printf("%s, %s: %d\n", info.operation, info.variant, y);
  cudaFree(device);
  cudaStreamDestroy(stream);
  return y == 40 - 2 * 5 ? 0 : 1;
}
