#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/data/points.h"
#include "fit/data/records.h"

// Rows that are not one trained model each: equal ones, every setting tried at one N and D, and
// losses of runs that went wrong.
namespace crosslaw::fit {

// Indices of `rows` (of the records) that equal an earlier one in every field.
std::vector<std::size_t> equal_rows(const Records& records, const std::vector<std::size_t>& rows);

// Losses at equal N and D (and equal stage and distinct tokens) that differ by more than those of
// neighbours do: a sentence with the columns that vary among them. Absent: they do not.
std::optional<std::string> describe_repeats(const Points& points, const Records& records,
                                            const std::vector<std::size_t>& rows,
                                            const std::string& loss_column);

// Points whose loss is far above what their N and D let expect (a quadratic in log N and log D by
// least absolute residuals): 12 times the usual scatter and 40 %. Indices, ascending.
std::vector<std::size_t> far_off(const Points& points);

// For each group of points with equal keys: the index of the point with the smallest loss, in the
// order of the groups' first points, or with `mean` of the first point.
struct Group {
  std::size_t chosen = 0;
  double mean_loss = 0;
  std::size_t count = 0;
};
std::vector<Group> grouped(const Points& points, const std::vector<std::string>& keys);

}  // namespace crosslaw::fit
