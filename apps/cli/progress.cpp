// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/format.hpp"

namespace bnas::cli {
namespace {

constexpr int kNarrow = 78;  ///< below: what would stand side by side goes below each other

std::string eta_text(const ProgressSnapshot& s) {
  if (s.stopping) {
    return "ETA stopping";
  }
  return !s.eta ? "ETA ---"
                : fmt::format("ETA {} ({}-{})", clock_text(s.eta->seconds), clock_text(s.eta->low),
                              clock_text(s.eta->high));
}

std::string child_text(const RunningChild& child, const Terminal& terminal, bool narrow) {
  const std::string bar = narrow ? "" : terminal.bar(static_cast<double>(child.epoch) / child.epochs, 8) + " ";
  const std::string metrics = child.epoch == 0
                                  ? fmt::format("{:<22}", "first epoch")
                                  : fmt::format("loss {:.3f} val {:5.2f} %", child.loss, 100.0 * child.valid);
  return fmt::format("#{:<4} ep {}/{} {}{}", child.id, child.epoch, child.epochs, bar, metrics);
}

}  // namespace

std::string cost_text(const nas::NetworkCost& cost) {
  return fmt::format("{}  {} 1-bit + {} real MACs", bytes_text(static_cast<double>(cost.bytes())),
                     count_text(static_cast<double>(cost.binary_macs)),
                     count_text(static_cast<double>(cost.real_macs)));
}

std::vector<std::string> progress_lines(const ProgressSnapshot& s, const Terminal& terminal, int width) {
  std::vector<std::string> lines;
  const bool narrow = width < kNarrow;
  lines.push_back(s.title);
  const std::string level = s.level == 0 ? "Choosing" : fmt::format("Level {}/{}", s.level, s.levels);
  const std::string count = fmt::format("{}/{} children", s.finished, s.planned);
  const double part = s.planned > 0 ? static_cast<double>(s.finished) / static_cast<double>(s.planned) : 0.0;
  const int bar = std::clamp(width - (narrow ? 5 : 50) - display_width(level + count), 4, 30);
  const std::string first = fmt::format("{}  {}  {}", terminal.paint(level, Color::bold),
                                        terminal.paint(terminal.bar(part, bar), Color::cyan), count);
  if (narrow) {
    lines.push_back(first);
    lines.push_back(fmt::format(" elapsed {}", clock_text(s.elapsed)));
    lines.push_back(fmt::format(" {}", eta_text(s)));
  } else {
    lines.push_back(first + "  elapsed " + clock_text(s.elapsed) + "   " + eta_text(s));
  }

  if (s.best) {
    lines.push_back(
        fmt::format(" best {}  #{}", terminal.paint(percent_text(s.best->reward), Color::green), s.best->id));
    if (narrow) {
      lines.emplace_back();
    }
    lines.back() += "  " + cost_text(s.best->cost);
  }
  if (s.rank_correlation) {
    lines.push_back(fmt::format(" surrogate rank corr. {:.2f}", *s.rank_correlation));
  }
  for (std::size_t i = 0; i < std::min<std::size_t>(s.running.size(), 16);) {
    std::string line = "  ";
    line += child_text(s.running[i++], terminal, narrow);
    if (!narrow && i < s.running.size()) {
      line += "   " + child_text(s.running[i++], terminal, narrow);
    }
    lines.push_back(line);
  }
  const auto bad = [&](const std::string& text, std::int64_t n) {
    return n > 0 ? terminal.paint(text, Color::red) : text;
  };
  lines.push_back(fmt::format(" done {}  {}  {}  disk {}", s.finished - s.diverged - s.failed,
                              bad(fmt::format("diverged {}", s.diverged), s.diverged),
                              bad(fmt::format("failed {}", s.failed), s.failed), bytes_text(s.disk_bytes)));
  for (std::string& line : lines) {
    line = fit(line, width - 1);  // a full last column makes some terminals wrap
  }
  return lines;
}

std::string progress_status(const ProgressSnapshot& s) {
  std::string out = fmt::format("progress level={} done={} total={}", s.level, s.finished, s.planned);
  if (s.diverged > 0) out += fmt::format(" diverged={}", s.diverged);
  if (s.failed > 0) out += fmt::format(" failed={}", s.failed);
  if (s.best) out += fmt::format(" best={:.4f} best_child={}", s.best->reward, s.best->id);
  if (!s.running.empty()) out += fmt::format(" running={}", s.running.size());
  out += fmt::format(" elapsed_s={:.0f}", s.elapsed);
  if (s.eta) out += fmt::format(" eta_s={:.0f}", s.eta->seconds);
  return out;
}

}  // namespace bnas::cli
