// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace bnas::cli {

/// "512 B", "1.5 KiB", "0.61 MiB" style: three significant digits.
std::string bytes_text(double bytes);
/// "981", "41.3 k", "41.3 M", "2.1 G".
std::string count_text(double count);
/// "10,979,688" from decimal digits.
std::string grouped(const std::string& digits);
/// "0:07", "1:12:40".
std::string clock_text(double seconds);
/// "2 s", "12 min", "3.4 h", "2.1 days": for predictions.
std::string about_text(double seconds);
/// "88.42 %".
std::string percent_text(double fraction);
/// "2026-11-22T01:13:00Z" of a time in seconds since 1970; now when negative.
std::string utc_text(double unix_seconds = -1.0);

/// Columns as wide as their widest cell; the first row is the heading. `left` names the columns that align left.
std::string table_text(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& left);

/// The same, all columns to the right, with a line of its own below each row but the first; for what is too long for a
/// column. `note` gets the number of the row, from 0.
std::string table_with_notes(const std::vector<std::vector<std::string>>& rows,
                             const std::function<std::string(std::size_t)>& note);
/// A list separated by ", ", or a genotype of a differentiable search, in lines of at most 79 columns; all but the
/// first begin with `indent` spaces, which the first is taken to stand behind.
std::string wrapped_list(const std::string& list, std::size_t indent);

}  // namespace bnas::cli
