#include "sweep/schedule/requests.h"

#include <algorithm>
#include <array>
#include <system_error>

#include "db/files/atomic_file.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

struct NamedKind {
  RequestKind kind;
  std::string_view name;
};
constexpr std::array<NamedKind, 3> kKinds = {{{RequestKind::kStop, "stop"},
                                              {RequestKind::kCancel, "cancel-"},
                                              {RequestKind::kRetry, "retry-"}}};
constexpr std::size_t kKeyDigits = 64;  // of a SHA-256

fs::path requests_folder(const fs::path& sweep) { return sweep / "requests"; }

// The name is the whole message; what is not exactly of its form is no request.
bool read_name(const std::string& name, Request& request) {
  for (const NamedKind& known : kKinds) {
    if (!name.starts_with(known.name)) continue;
    request = {known.kind, name.substr(known.name.size())};
    const bool plain = request.key.find_first_not_of("0123456789abcdef") == std::string::npos;
    return plain && request.key.size() == (known.kind == RequestKind::kStop ? 0 : kKeyDigits);
  }
  return false;
}

}  // namespace

void make_request(const fs::path& sweep, const Request& request) {
  fs::create_directories(requests_folder(sweep));
  for (const NamedKind& known : kKinds) {
    if (known.kind == request.kind)
      db::publish_file(requests_folder(sweep) / (std::string(known.name) + request.key), "");
  }
}

std::vector<Request> take_requests(const fs::path& sweep) {
  std::vector<std::pair<fs::file_time_type, Request>> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(requests_folder(sweep), error)) {
    Request request;
    if (!read_name(entry.path().filename().string(), request)) continue;
    const auto written = entry.last_write_time(error);
    if (fs::remove(entry.path(), error)) found.emplace_back(written, request);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Request> requests;
  for (auto& [written, request] : found) requests.push_back(request);
  return requests;
}

}  // namespace crosslaw::sweep
