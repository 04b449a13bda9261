#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fit/data/column_name.h"
#include "fit/data/record_table.h"

namespace crosslaw::fit {

// What a column can be of a trained model.
enum class Role { kParams, kTokens, kLoss, kCompute };

// "N", "D", "loss", "C": the columns that are taken where the file has them.
std::string_view usual_column(Role role);

// Names of columns that a file does not have: what is missing follows from compute, C = 6ND, or
// from tokens a parameter.
inline constexpr const char* kTokensByCompute = "C/(6N)";
inline constexpr const char* kParamsByCompute = "C/(6D)";
inline constexpr const char* kParamsByRatio = "D/(D/N)";

// How well a name says a role: 0 not at all, else higher is better (a list of names that trainers
// and papers use, then names that hold "param", "token", "loss", "flop").
int role_rank(std::string_view column, Role role);
bool names_some_role(std::string_view column);

struct ColumnGuess {
  std::string column;
  std::vector<std::string> others;  // columns that could have been meant as well
  std::string passed;               // the one that was passed over, and why; empty: none was
};

// A column whose name is one of the role's where guess_column() finds none: its cells are no
// numbers, or bytes. Absent: there is none either.
std::optional<std::string> unusable_column(const Records& records, Role role);

// "params_t" beside "params_s" is the teacher's, "tokens_t" the target's: no number of trillions.
bool has_twin_s(const Records& records, std::string_view column);

// The column of a role among those that hold numbers; those `taken` have another role. Absent:
// none. Throws std::invalid_argument where several names say it equally well; `flag` is the one
// that chooses.
std::optional<ColumnGuess> guess_column(const Records& records, Role role, std::string_view flag,
                                        const std::vector<std::string>& taken = {});

}  // namespace crosslaw::fit
