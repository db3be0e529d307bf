/* SPDX-License-Identifier: Apache-2.0 */
/* What tests can ask of the emulated runtime. All symbols are weak: the same program runs on a real runtime, where
 * their addresses are null; ask bnas_emu_present() first. */
#ifndef BNAS_EMU_EMULATOR_H
#define BNAS_EMU_EMULATOR_H

#include <driver_types.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef BNAS_EMU_IMPLEMENTATION
#define BNAS_EMU_API __attribute__((visibility("default")))
#else
#define BNAS_EMU_API __attribute__((weak))
#endif

/* Sums over launches; machine/api.hpp says what each counts. */
typedef struct BnasEmuCounters {
  uint64_t warp_instructions;
  uint64_t global_read_bytes;
  uint64_t global_written_bytes;
  uint64_t read_sectors;
  uint64_t written_sectors;
  uint64_t read_requests;
  uint64_t written_requests;
  uint64_t unique_read_bytes;
  uint64_t unique_written_bytes;
  uint64_t shared_bank_conflicts;
  uint64_t atomics;
  uint64_t mma_instructions;
  uint64_t barriers;
  uint64_t local_bytes;
  uint64_t dram_read_bytes;
  uint64_t dram_written_bytes;
} BnasEmuCounters;

/* A part of memory that a library call reads or writes: `rows` rows of `width` bytes, `pitch` bytes apart. */
typedef struct BnasEmuUse {
  const void* address;
  size_t width;
  size_t rows;
  size_t pitch;
  int write;
} BnasEmuUse;

/* The annotation of this thread: a label of launches in the report, and what faults can select. Null: none. */
BNAS_EMU_API void bnas_emu_annotate(const char* note);

/* Of all kernels whose demangled name contains `name`, under any annotation; both results may be null. What is
 * enqueued but has not run is not counted. */
BNAS_EMU_API void bnas_emu_kernel_counters(const char* name, BnasEmuCounters* counters, uint64_t* launches);
BNAS_EMU_API void bnas_emu_reset_counters(void);
/* Kernel launches that ran since the last reset. */
BNAS_EMU_API uint64_t bnas_emu_launch_count(void);

/* What the checkers found; a text is valid until the calling thread asks for another. Null beyond the last. */
BNAS_EMU_API size_t bnas_emu_findings(void);
BNAS_EMU_API const char* bnas_emu_finding(size_t i);
BNAS_EMU_API void bnas_emu_clear_findings(void);

/* Sets an option as BNAS_EMU_<NAME> does, by its name in lower case. Returns 0, or -1 when it is not understood. */
BNAS_EMU_API int bnas_emu_set(const char* option, const char* value);
/* Adds faults (runtime/faults.hpp); null removes all. Returns 0, or -1 when the specification is not understood. */
BNAS_EMU_API int bnas_emu_fault(const char* specification);

/* For libraries that stand for device code: enqueues function(argument) on a stream (or captures it) as the operation
 * `name`; destroy(argument) is called when no operation or graph needs it any more. The uses are checked as those of a
 * kernel are. */
BNAS_EMU_API cudaError_t bnas_emu_enqueue(cudaStream_t stream, const char* name, void (*function)(void*),
                                          void* argument, void (*destroy)(void*), const BnasEmuUse* uses, size_t count);
/* Where the contents of device memory lie, for such a function while it runs; null unless all of it is live. Host
 * addresses stay what they are. */
BNAS_EMU_API void* bnas_emu_contents(const void* address, size_t bytes);

#ifndef BNAS_EMU_IMPLEMENTATION
/* Does this process run on the emulator? */
static inline int bnas_emu_present(void) { return bnas_emu_findings != 0; }
#endif

#ifdef __cplusplus
}
#endif

#endif
