// SPDX-License-Identifier: Apache-2.0
#include "runtime/fat_binary.hpp"

#include <fatbinary_section.h>

#include <cstdint>
#include <cstring>

#include "runtime/errors.hpp"

namespace bnas::emu {
namespace {

constexpr std::uint32_t kFatBinaryMagic = 0xba55ed50;
constexpr std::uint16_t kPtxKind = 1;
constexpr std::uint64_t kCompressedLz4 = 0x2000;
constexpr std::uint64_t kCompressedZstd = 0x8000;

// Offsets of the fields that matter, in the header of the whole and of each entry (little endian, packed).
constexpr std::size_t kHeaderBytes = 6;
constexpr std::size_t kBodyBytes = 8;
constexpr std::size_t kEntryHeaderBytes = 4;
constexpr std::size_t kEntryBytes = 8;
constexpr std::size_t kEntryCapability = 28;
constexpr std::size_t kEntryFlags = 40;

template <typename T>
T field(const char* at, std::size_t offset) {
  T value;
  std::memcpy(&value, at + offset, sizeof value);
  return value;
}

PtxImage read_entry(const char* entry) {
  PtxImage image;
  image.capability = field<std::int32_t>(entry, kEntryCapability);
  const std::uint64_t flags = field<std::uint64_t>(entry, kEntryFlags);
  if ((flags & (kCompressedLz4 | kCompressedZstd)) != 0) {
    image.problem = "its PTX is compressed: build with nvcc --no-compress";
    return image;
  }
  const char* text = entry + field<std::uint32_t>(entry, kEntryHeaderBytes);
  image.text = std::string_view(text, strnlen(text, field<std::uint64_t>(entry, kEntryBytes)));
  const std::size_t target = image.text.find(".target sm_");
  if (target == std::string_view::npos) {
    image.problem = "its PTX names no .target";
    return image;
  }
  std::size_t at = target + std::strlen(".target sm_");
  for (image.capability = 0; at < image.text.size() && image.text[at] >= '0' && image.text[at] <= '9'; ++at) {
    image.capability = 10 * image.capability + (image.text[at] - '0');
  }
  image.exact = at < image.text.size() && (image.text[at] == 'a' || image.text[at] == 'f');
  return image;
}

}  // namespace

std::vector<PtxImage> embedded_ptx(const void* wrapper) {
  const auto& control = *static_cast<const __fatBinC_Wrapper_t*>(wrapper);
  if (control.magic != FATBINC_MAGIC) {
    return {};
  }
  const auto* at = reinterpret_cast<const char*>(control.data);
  if (field<std::uint32_t>(at, 0) != kFatBinaryMagic) {
    return {};
  }
  std::vector<PtxImage> images;
  const char* const begin = at + field<std::uint16_t>(at, kHeaderBytes);
  const char* const end = begin + field<std::uint64_t>(at, kBodyBytes);
  for (const char* entry = begin; entry < end;
       entry += field<std::uint32_t>(entry, kEntryHeaderBytes) + field<std::uint64_t>(entry, kEntryBytes)) {
    if (field<std::uint16_t>(entry, 0) == kPtxKind) {
      images.push_back(read_entry(entry));
    }
  }
  return images;
}

const PtxImage& choose_ptx(const std::vector<PtxImage>& images, int capability) {
  const PtxImage* best = nullptr;
  std::string embedded;
  for (const PtxImage& image : images) {
    embedded += (embedded.empty() ? "" : ", ") + std::to_string(image.capability);
    const bool fits = image.exact ? image.capability == capability : image.capability <= capability;
    if (fits && (!best || image.capability >= best->capability)) {
      best = &image;
    }
  }
  if (!best) {
    throw ApiError(
        cudaErrorNoKernelImageForDevice,
        "no PTX for a device of compute capability " + std::to_string(capability) + "; embedded: " +
            (embedded.empty() ? "none (build with nvcc -gencode arch=compute_XX,code=compute_XX)" : embedded));
  }
  if (!best->problem.empty()) {
    throw ApiError(cudaErrorInvalidKernelImage,
                   "kernel image for " + std::to_string(best->capability) + ": " + best->problem);
  }
  return *best;
}

}  // namespace bnas::emu
