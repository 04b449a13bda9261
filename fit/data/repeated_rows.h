#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/data/points.h"
#include "fit/data/records.h"

// Rows that are not one trained model each: copies, and every setting tried at one N and D.
namespace crosslaw::fit {

// Indices of `rows` (of the records) that equal an earlier one in every field.
std::vector<std::size_t> equal_rows(const Records& records, const std::vector<std::size_t>& rows);

// Indices of `rows` that equal an earlier one in the columns in use, of which `loss` is one, and
// differ in others such as an index. Of rows that agree in all but the loss at least 5 % must be
// copies, for a few in many agree by chance; with fewer than six digits half of them, below four
// all, and six rows: then runs agree by rounding.
std::vector<std::size_t> copied_rows(const Records& records, const std::vector<std::size_t>& rows,
                                     const std::vector<std::size_t>& used, std::size_t loss);

// Losses at equal N and D (and equal stage and distinct tokens) that differ by more than those of
// neighbours do: a sentence with the columns that vary among them. Absent: they do not.
std::optional<std::string> describe_repeats(const Points& points, const Records& records,
                                            const std::vector<std::size_t>& rows,
                                            const std::string& loss_column);

// For each group of points with equal keys: the index of the point with the smallest loss, in the
// order of the groups' first points, or with `mean` of the first point.
struct Group {
  std::size_t chosen = 0;
  double mean_loss = 0;
  std::size_t count = 0;
};
std::vector<Group> grouped(const Points& points, const std::vector<std::string>& keys);

}  // namespace crosslaw::fit
