// SPDX-License-Identifier: Apache-2.0
#include "runtime/report.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <vector>

namespace bnas::emu {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
    }
  }
  return out + "\"";
}

}  // namespace

const NamedCounter kCounters[16] = {
    {"warp_instructions", &Counters::warp_instructions},
    {"global_read_bytes", &Counters::global_read_bytes},
    {"global_written_bytes", &Counters::global_written_bytes},
    {"read_sectors", &Counters::read_sectors},
    {"written_sectors", &Counters::written_sectors},
    {"read_requests", &Counters::read_requests},
    {"written_requests", &Counters::written_requests},
    {"unique_read_bytes", &Counters::unique_read_bytes},
    {"unique_written_bytes", &Counters::unique_written_bytes},
    {"shared_bank_conflicts", &Counters::shared_bank_conflicts},
    {"atomics", &Counters::atomics},
    {"mma_instructions", &Counters::mma_instructions},
    {"barriers", &Counters::barriers},
    {"local_bytes", &Counters::local_bytes},
    {"dram_read_bytes", &Counters::dram_read_bytes},
    {"dram_written_bytes", &Counters::dram_written_bytes},
};

void KernelReport::add(const std::string& note, const std::string& kernel, const LaunchResult& result) {
  Entry& entry = entries_[{note, kernel}];
  ++entry.launches;
  entry.counters += result.counters;
  for (const auto& [place, times] : result.profile) {
    entry.profile[place] += times;
  }
}

KernelReport::Entry KernelReport::sum(std::string_view part) const {
  Entry total;
  for (const auto& [key, entry] : entries_) {
    if (key.second.find(part) != std::string::npos) {
      total.launches += entry.launches;
      total.counters += entry.counters;
    }
  }
  return total;
}

std::string KernelReport::profile() const {
  using Line = std::pair<std::uint64_t, std::string>;
  const auto percent = [](std::uint64_t part, std::uint64_t whole) {
    char text[16];
    std::snprintf(text, sizeof text, "%5.1f %%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
    return std::string(text);
  };
  std::vector<Line> kernels;
  for (const auto& [key, entry] : entries_) {
    const std::uint64_t all = entry.counters.warp_instructions;
    std::string text = key.second + (key.first.empty() ? "" : " [" + key.first + "]") + ": " + std::to_string(all) +
                       " warp instructions in " + std::to_string(entry.launches) + " launches\n";
    std::vector<Line> lines;
    for (const auto& [place, times] : entry.profile) {
      lines.emplace_back(times, place);
    }
    std::sort(lines.begin(), lines.end(), std::greater<>());
    for (const auto& [times, place] : lines) {
      text += "  " + percent(times, all) + "  " + place + "\n";
    }
    kernels.emplace_back(all, text);
  }
  std::sort(kernels.begin(), kernels.end(), std::greater<>());
  std::string text;
  for (const Line& kernel : kernels) {
    text += kernel.second;
  }
  return text;
}

std::string KernelReport::json_lines() const {
  std::string lines;
  for (const auto& [key, entry] : entries_) {
    lines += "{\"note\":" + quoted(key.first) + ",\"kernel\":" + quoted(key.second) +
             ",\"launches\":" + std::to_string(entry.launches);
    for (const NamedCounter& counter : kCounters) {
      lines += ",\"" + std::string(counter.name) + "\":" + std::to_string(entry.counters.*counter.value);
    }
    lines += "}\n";
  }
  return lines;
}

}  // namespace bnas::emu
