// Columns and tables between NumPy and the core: arrays taken without a copy, and memory handed over.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include "../market.hpp"

namespace ratchet {

namespace nb = nanobind;
using namespace nb::literals;

using Doubles = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Times = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Floats = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Matrix = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Results = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Sides = nb::ndarray<const std::int8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Buffer = nb::ndarray<std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

/// Hands a vector's memory to NumPy without copying.
template <class T>
auto numpy(std::vector<T>&& values, std::initializer_list<std::size_t> shape) {
    auto* kept = new std::vector<T>(std::move(values));
    nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
    return nb::ndarray<nb::numpy, T>(kept->data(), shape, owner);
}

/// The bytes of a vector of structs, for NumPy to view as a structured array.
template <class T>
nb::ndarray<nb::numpy, std::uint8_t> bytes_of(std::vector<T>&& rows) {
    auto* kept = new std::vector<T>(std::move(rows));
    nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
    return nb::ndarray<nb::numpy, std::uint8_t>(kept->data(), {kept->size() * sizeof(T)}, owner);
}

inline std::vector<double> copy(Doubles values) { return {values.data(), values.data() + values.shape(0)}; }
inline std::vector<float> copy(Floats values) { return {values.data(), values.data() + values.shape(0)}; }

/// Checked columns of bars, kept alive by Python's references.
struct Bars {
    Times ts;
    Doubles open, high, low, close, volume;
    bool prints = false;  // trades, as bars of one price

    Bars(Times ts_, Doubles open_, Doubles high_, Doubles low_, Doubles close_, Doubles volume_)
        : ts(ts_), open(open_), high(high_), low(low_), close(close_), volume(volume_) {
        for (const Doubles* each : {&open, &high, &low, &close, &volume})
            if (each->shape(0) != size())
                throw BarError(message("bars", "must have columns of one length (" + std::to_string(size()) + ")",
                                       std::to_string(each->shape(0)), "pass columns of the same table"));
        check_bars(view(), size());
    }
    Bars(Times ts_, Doubles price, Doubles quantity)
        : ts(ts_), open(price), high(price), low(price), close(price), volume(quantity), prints(true) {
        for (const Doubles* each : {&price, &quantity})
            if (each->shape(0) != size())
                throw BarError(message("trades", "must have columns of one length (" + std::to_string(size()) + ")",
                                       std::to_string(each->shape(0)), "pass columns of the same table"));
        check_trades(view(), size());
    }
    std::size_t size() const { return ts.shape(0); }
    std::int64_t count() const { return static_cast<std::int64_t>(size()); }
    BarColumns view() const { return {ts.data(), open.data(), high.data(), low.data(), close.data(), volume.data()}; }
};

}  // namespace ratchet
