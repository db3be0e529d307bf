// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>

#include "bnas/nas/differentiable/darts_genotype.hpp"

namespace bnas::nas {
namespace {

// Numbers as in a genotype's text; 0 and 1 are the outputs of the cells before, k counts cells.
const std::array<std::string, kCellInputs + kCellNodes + 1> kLabels{"0: k-2", "1: k-1", "2", "3", "4", "5", "k"};
constexpr int kOutput = kCellInputs + kCellNodes;

const char* title(const std::string& name) { return name == "reduce" ? "reduction" : "normal"; }

/// Calls visit(source, target, operation) for every arrow of a cell; the output's have no operation.
template <class Visit>
void for_each_arrow(const DartsCell& cell, Visit visit) {
  for (int node = 0; node < kCellNodes; ++node) {
    for (const DartsEdge& edge : cell[static_cast<std::size_t>(node)]) {
      visit(edge.source, kCellInputs + node, edge.operation);
    }
  }
  for (int node = 0; node < kCellNodes; ++node) {
    visit(kCellInputs + node, kOutput, std::string());
  }
}

std::string dot_cell(const DartsCell& cell, const char* name) {
  std::string text = fmt::format("  subgraph cluster_{0} {{\n    label=\"{1} cell\";\n", name, title(name));
  for (int i = 0; i <= kOutput; ++i) {
    const bool node = i >= kCellInputs && i < kOutput;
    text += fmt::format("    {}{} [label=\"{}\" fillcolor=\"{}\"];\n", name, i, kLabels[static_cast<std::size_t>(i)],
                        node           ? "lightblue"
                        : i == kOutput ? "palegoldenrod"
                                       : "darkseagreen2");
  }
  for_each_arrow(cell, [&](int from, int to, const std::string& operation) {
    text += operation.empty() ? fmt::format("    {0}{1} -> {0}{2};\n", name, from, to)
                              : fmt::format("    {0}{1} -> {0}{2} [label=\"{3}\"];\n", name, from, to, operation);
  });
  return text + "  }\n";
}

// SVG: values in a row, edges as arcs above it, the higher the longer; pixels.
constexpr int kStep = 150, kLeft = 60, kRow = 260, kRadius = 26, kHeight = 340, kWidth = kLeft * 2 + kStep * kOutput;

int center(int value) { return kLeft + kStep * value; }

std::string svg_cell(const DartsCell& cell, const char* name, int top) {
  std::string text = fmt::format("  <g transform=\"translate(0 {})\">\n", top);
  text += fmt::format("    <text x=\"{}\" y=\"24\" class=\"title\">{} cell</text>\n", kLeft, title(name));
  for_each_arrow(cell, [&](int from, int to, const std::string& operation) {
    const int x1 = center(from), x2 = center(to), middle = (x1 + x2) / 2;
    const bool output = operation.empty();
    const int rise = output ? -18 * (to - from) : 46 * (to - from);  // the arrows to the output run below
    const int y = kRow + (output ? kRadius : -kRadius);
    text += fmt::format("    <path d=\"M {} {} Q {} {} {} {}\" class=\"{}\" marker-end=\"url(#arrow)\"/>\n", x1, y,
                        middle, y - rise, x2, y, output ? "output" : "edge");
    if (!output) {
      text += fmt::format("    <text x=\"{}\" y=\"{}\" class=\"operation\">{}</text>\n", middle, y - rise / 2 - 4,
                          operation);
    }
  });
  for (int i = 0; i <= kOutput; ++i) {
    text += fmt::format("    <circle cx=\"{0}\" cy=\"{1}\" r=\"{2}\"/><text x=\"{0}\" y=\"{3}\">{4}</text>\n",
                        center(i), kRow, kRadius, kRow + 5, kLabels[static_cast<std::size_t>(i)]);
  }
  return text + "  </g>\n";
}

}  // namespace

std::string draw_dot(const DartsGenotype& genotype) {
  return "digraph genotype {\n  rankdir=LR;\n  node [shape=box style=\"filled,rounded\"];\n" +
         dot_cell(genotype.normal, "normal") + dot_cell(genotype.reduce, "reduce") + "}\n";
}

std::string draw_svg(const DartsGenotype& genotype) {
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\">\n"
             "  <style>text {{ font: 13px sans-serif; text-anchor: middle }} .title {{ font-weight: bold; text-anchor: "
             "start }} .operation {{ font-size: 12px }} circle {{ fill: #dbe9f6; stroke: #36617f }} path {{ fill: "
             "none; "
             "stroke: #36617f }} .output {{ stroke: #b0b0b0 }}</style>\n"
             "  <defs><marker id=\"arrow\" markerWidth=\"9\" markerHeight=\"9\" refX=\"8\" refY=\"4\" orient=\"auto\">"
             "<path d=\"M 0 0 L 8 4 L 0 8 z\" style=\"fill: #36617f\"/></marker></defs>\n",
             kWidth, 2 * kHeight) +
         svg_cell(genotype.normal, "normal", 0) + svg_cell(genotype.reduce, "reduce", kHeight) + "</svg>\n";
}

}  // namespace bnas::nas
