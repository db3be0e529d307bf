// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/darts_genotype.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

constexpr std::size_t kMaxText = 4096;

std::string cell_text(const DartsCell& cell) {
  std::string text;
  for (const auto& node : cell) {
    text += text.empty() ? "" : "|";
    for (const DartsEdge& edge : node) {
      text += fmt::format("{}{}({})", &edge == node.data() ? "" : "+", edge.operation, edge.source);
    }
  }
  return text;
}

/// Reads a genotype from left to right.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {
    if (text.size() > kMaxText) {
      fail(kMaxText, fmt::format("at most {} characters", kMaxText));
    }
  }

  DartsGenotype genotype() {
    DartsGenotype result;
    expect("normal[");
    result.normal = cell();
    expect("]");
    expect("reduce[");
    result.reduce = cell();
    expect("]");
    skip_blanks();
    if (at_ != text_.size()) {
      fail(at_, "the end");
    }
    return result;
  }

 private:
  [[noreturn]] void fail(std::size_t at, const std::string& wanted) const {
    throw Error(ErrorKind::usage, fmt::format("genotype: expected {} at character {}, found '{}'", wanted, at + 1,
                                              text_.substr(std::min(at, text_.size()), 16)));
  }

  /// Blanks and line ends may stand between words: a terminal breaks long lines.
  void skip_blanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }

  void expect(std::string_view word) {
    skip_blanks();
    if (text_.substr(at_, word.size()) != word) {
      fail(at_, fmt::format("'{}'", word));
    }
    at_ += word.size();
  }

  DartsCell cell() {
    DartsCell result;
    for (int node = 0; node < kCellNodes; ++node) {
      if (node > 0) {
        expect("|");
      }
      auto& edges = result[static_cast<std::size_t>(node)];
      edges.push_back(edge(node));
      while (next_is('+')) {
        ++at_;
        skip_blanks();
        const std::size_t start = at_;
        const DartsEdge next = edge(node);
        const bool again = std::any_of(edges.begin(), edges.end(),
                                       [&](const DartsEdge& known) { return known.source == next.source; });
        if (again) {
          fail(start, fmt::format("a source other than {}, which node {} reads already", next.source, node + 2));
        }
        edges.push_back(next);
      }
    }
    return result;
  }

  bool next_is(char mark) {
    skip_blanks();
    return at_ < text_.size() && text_[at_] == mark;
  }

  DartsEdge edge(int node) {
    skip_blanks();
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != '(') {
      ++at_;
    }
    const std::string name(text_.substr(start, at_ - start));
    candidate(name);  // refuses unknown ones
    expect("(");
    const int source = at_ < text_.size() ? text_[at_] - '0' : -1;
    if (source < 0 || source >= edges_of(node)) {
      fail(at_, fmt::format("a source from 0 to {}", edges_of(node) - 1));
    }
    ++at_;
    expect(")");
    return {name, source};
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// exp(x - max) / sum.
std::vector<double> softmax(const std::vector<double>& x) {
  const double most = *std::max_element(x.begin(), x.end());
  std::vector<double> p;
  double sum = 0.0;
  for (const double value : x) {
    p.push_back(std::exp(value - most));
    sum += p.back();
  }
  for (double& value : p) {
    value /= sum;
  }
  return p;
}

/// The operation to which an edge comes down, and how it ranks among its node's edges.
struct Choice {
  int operation = -1;  ///< -1: none that could be chosen
  double rank = 0.0;
  double tie = 0.0;
};

DartsCell pick_edges(OperationSet set, const std::array<Choice, kCellEdges>& choices,
                     const DerivationOptions& options) {
  if (options.edges_per_node < 1 || !(options.zeroise_factor > 0.0)) {
    throw Error(ErrorKind::usage, fmt::format("edges_per_node is {} and zeroise_factor {}; both must be positive",
                                              options.edges_per_node, options.zeroise_factor));
  }
  DartsCell cell;
  for (int node = 0; node < kCellNodes; ++node) {
    std::vector<int> sources;
    const auto choice = [&](int source) { return choices[edge_from(node, source)]; };
    for (int source = 0; source < edges_of(node); ++source) {
      if (choice(source).operation >= 0) {
        sources.push_back(source);
      }
    }
    std::stable_sort(sources.begin(), sources.end(), [&](int a, int b) {
      const Choice left = choice(a), right = choice(b);
      return left.rank != right.rank ? left.rank > right.rank : left.tie > right.tie;
    });
    sources.resize(std::min(sources.size(), static_cast<std::size_t>(options.edges_per_node)));
    auto& edges = cell[static_cast<std::size_t>(node)];
    for (const int source : sources) {
      edges.push_back({candidates(set)[static_cast<std::size_t>(choice(source).operation)].name, source});
    }
    if (edges.empty()) {
      edges.push_back({candidates(set)[0].name, 0});
    }
  }
  return cell;
}

bool is_none(OperationSet set, int operation) {
  return candidates(set)[static_cast<std::size_t>(operation)].kind == CandidateKind::none;
}

DartsCell cell_by_weights(OperationSet set, const CellParameters& parameters,
                          const std::array<std::vector<int>, kCellEdges>& alive, const DerivationOptions& options) {
  std::array<Choice, kCellEdges> choices;
  for (int node = 0; node < kCellNodes; ++node) {
    const auto first = parameters.beta.begin() + first_edge(node);
    const std::vector<double> b = softmax({first, first + edges_of(node)});
    for (int source = 0; source < edges_of(node); ++source) {
      const auto edge = edge_from(node, source);
      if (alive[edge].empty()) {
        continue;
      }
      std::vector<double> alpha;
      for (const int operation : alive[edge]) {
        alpha.push_back(parameters.alpha[edge][static_cast<std::size_t>(operation)]);
      }
      const std::vector<double> p = softmax(alpha);
      Choice& best = choices[edge];
      for (std::size_t i = 0; i < p.size(); ++i) {
        const bool none = is_none(set, alive[edge][i]);
        const double weight = b[static_cast<std::size_t>(source)] * p[i] / (none ? options.zeroise_factor : 1.0);
        if ((options.zeroise || !none) && (best.operation < 0 || weight > best.rank)) {
          best = {alive[edge][i], weight};
        }
      }
    }
  }
  return pick_edges(set, choices, options);
}

}  // namespace

std::vector<std::int32_t> edge_nodes() {
  std::vector<std::int32_t> nodes;
  for (int node = 0; node < kCellNodes; ++node) {
    nodes.insert(nodes.end(), static_cast<std::size_t>(edges_of(node)), node);
  }
  return nodes;
}

Alive all_alive(int operations) {
  std::vector<int> all(static_cast<std::size_t>(operations));
  std::iota(all.begin(), all.end(), 0);
  Alive alive;
  for (auto& cell : alive) {
    cell.fill(all);
  }
  return alive;
}

std::string DartsGenotype::text() const {
  return fmt::format("normal[{}] reduce[{}]", cell_text(normal), cell_text(reduce));
}

DartsGenotype DartsGenotype::parse(std::string_view text) { return Reader(text).genotype(); }

DartsGenotype derive_by_weights(OperationSet set, const ArchitectureValues& values, const Alive& alive,
                                const DerivationOptions& options) {
  return {cell_by_weights(set, values[0], alive[0], options), cell_by_weights(set, values[1], alive[1], options)};
}

DartsGenotype derive_by_scores(OperationSet set, const ArchitectureValues& values, const Alive& alive,
                               const std::array<std::array<double, kCellEdges>, 2>& scores,
                               const DerivationOptions& options) {
  std::array<DartsCell, 2> cells;
  for (std::size_t type = 0; type < cells.size(); ++type) {
    std::array<Choice, kCellEdges> choices;
    for (std::size_t edge = 0; edge < choices.size(); ++edge) {
      check(alive[type][edge].size() == 1, "derive_by_scores", "more or less than one operation is left on an edge");
      const int operation = alive[type][edge].front();
      if (options.zeroise || !is_none(set, operation)) {
        choices[edge] = {operation, scores[type][edge], values[type].beta[edge]};
      }
    }
    cells[type] = pick_edges(set, choices, options);
  }
  return {cells[0], cells[1]};
}

}  // namespace bnas::nas
