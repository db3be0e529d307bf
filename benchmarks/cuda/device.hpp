// SPDX-License-Identifier: Apache-2.0
// The device that is measured, and what it could do at best by its own description.
#pragma once

#include <cstddef>
#include <string>

namespace bnas::bench {

/// Peaks are arithmetic on clock, width and units of the current device; 0 where they are not known.
struct CudaDevice {
  std::string name;
  int capability = 0;  ///< 10 major + minor
  int multiprocessors = 0;
  std::size_t l2_bytes = 0;
  double bytes_per_second = 0.0;  ///< memory clock times bus width, both edges
  double popcount_macs = 0.0;     ///< binary multiply-accumulates per second of the population count units
  double s8_macs = 0.0;           ///< of 8-bit integer tensor cores, dense
  double b1_macs = 0.0;           ///< of 1-bit tensor cores
  double bf16_macs = 0.0;         ///< of bf16 tensor cores with f32 sums, dense
  double f32_macs = 0.0;          ///< fused multiply-adds of the CUDA cores
};

const CudaDevice& cuda_device();

/// The main() of every benchmark here: exit code 69 and a line on stderr when there is no CUDA device; otherwise runs
/// what `add_all` registers, with the device in the context of the report.
int cuda_bench_main(int argc, char** argv, void (*add_all)());

}  // namespace bnas::bench
