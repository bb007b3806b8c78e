// Exact save and restore of state: each stateful type lists its fields once, in `state(archive)`, for both directions.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "errors.hpp"

namespace ratchet {

/// FNV-1a, 64 bits: tells a damaged state from a whole one (it is no defence against a forged one).
inline std::uint64_t checksum(const char* data, std::size_t size) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (std::size_t i = 0; i < size; ++i) hash = (hash ^ static_cast<unsigned char>(data[i])) * 0x100000001b3ULL;
    return hash;
}

class Writer {
  public:
    template <class T>
    void operator()(T& value) {
        if constexpr (std::is_trivially_copyable_v<T>) {
            raw(&value, sizeof value);
        } else if constexpr (requires { value.state(*this); }) {
            value.state(*this);
        } else {  // std::vector or std::string
            std::uint64_t size = value.size();
            (*this)(size);
            if constexpr (std::is_trivially_copyable_v<typename T::value_type>) {
                raw(value.data(), size * sizeof(typename T::value_type));
            } else {
                for (auto& item : value) (*this)(item);
            }
        }
    }
    /// The bytes written, closed by their checksum.
    std::string take() {
        std::uint64_t sum = checksum(bytes_.data(), bytes_.size());
        raw(&sum, sizeof sum);
        return std::move(bytes_);
    }

  private:
    void raw(const void* data, std::size_t size) { bytes_.append(static_cast<const char*>(data), size); }
    std::string bytes_;
};

/// Reads what a Writer wrote; damaged bytes are refused before anything is read from them.
class Reader {
  public:
    explicit Reader(std::string bytes) : bytes_(std::move(bytes)), at_(bytes_.data()), end_(at_ + bytes_.size()) {
        std::uint64_t sum = 0;
        if (bytes_.size() < sizeof sum) damaged();
        end_ -= sizeof sum;
        std::memcpy(&sum, end_, sizeof sum);
        if (sum != checksum(at_, static_cast<std::size_t>(end_ - at_))) damaged();
    }
    Reader(const Reader&) = delete;

    template <class T>
    void operator()(T& value) {
        if constexpr (std::is_trivially_copyable_v<T>) {
            raw(&value, sizeof value);
        } else if constexpr (requires { value.state(*this); }) {
            value.state(*this);
        } else {
            std::uint64_t size = 0;
            (*this)(size);
            using Item = typename T::value_type;
            if (size > static_cast<std::uint64_t>(end_ - at_)) damaged();
            value.resize(size);
            if constexpr (std::is_trivially_copyable_v<Item>) {
                raw(value.data(), size * sizeof(Item));
            } else {
                for (auto& item : value) (*this)(item);
            }
        }
    }
    bool at_end() const { return at_ == end_; }

  private:
    [[noreturn]] static void damaged() {
        throw StateError(message("state", "must be a complete saved state", "truncated or damaged", "save it again"));
    }
    void raw(void* data, std::size_t size) {
        if (size > static_cast<std::size_t>(end_ - at_)) damaged();
        if (size) std::memcpy(data, at_, size);
        at_ += size;
    }
    std::string bytes_;
    const char* at_;
    const char* end_;
};

}  // namespace ratchet
