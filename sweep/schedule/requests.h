#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace crosslaw::sweep {

// What a user asks of the process that runs a sweep, from any machine that sees the sweep's folder:
// a file in DIR/requests, which that process takes away once it has seen it.
enum class RequestKind {
  kStop,    // every run publishes a checkpoint and ends, and so does the sweep
  kCancel,  // a run is ended and taken out of the sweep
  kRetry,   // a run that failed or was cancelled is tried again
};

struct Request {
  RequestKind kind = RequestKind::kStop;
  std::string key;  // of the run; empty for kStop
};

void make_request(const std::filesystem::path& sweep, const Request& request);
// All there are, oldest first; each is given once. Files of another form are left alone.
std::vector<Request> take_requests(const std::filesystem::path& sweep);

}  // namespace crosslaw::sweep
