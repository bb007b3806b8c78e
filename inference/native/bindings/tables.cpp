// Tables of a whole history: labels, order books, and the account over replayed trades.
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "../book.hpp"
#include "../portfolio.hpp"
#include "columns.hpp"
#include "replay/labels.hpp"

namespace ratchet {

void bind_tables(nb::module_& m) {
    m.def(
        "make_labels",
        [](const Bars& bars, Doubles sigma, std::int64_t horizon, Doubles grid, std::uint64_t seed) {
            Labels labels = make_labels(bars.view(), bars.count(), sigma.data(), horizon, copy(grid), seed);
            const std::size_t n = labels.rows.size(), k = grid.shape(0);
            return std::tuple(bytes_of(std::move(labels.rows)), numpy(std::move(labels.hit), {n, k}),
                              numpy(std::move(labels.reversal), {n, k}), numpy(std::move(labels.reach), {n, k}));
        },
        "bars"_a, "sigma"_a, "horizon"_a, "grid"_a, "seed"_a);

    using Levels = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
    m.def("book_names", [] { return std::vector<std::string>(BOOK_FIGURES.begin(), BOOK_FIGURES.end()); });
    m.def(
        "book_figures",
        [](Levels bid_price, Levels bid_quantity, Levels ask_price, Levels ask_quantity, Doubles ranges_bp) {
            const std::size_t n = bid_price.shape(0), width = BOOK_FIGURES.size() + 2 * ranges_bp.shape(0);
            std::vector<double> out(n * width);
            const auto side = [n](const Levels& price, const Levels& quantity) {
                if (price.shape(0) != n || quantity.shape(0) != n || price.shape(1) != quantity.shape(1))
                    throw BarError(message("book", "must have a quantity for each price", "not so",
                                           "pass arrays of one shape per side"));
                return BookSide{price.data(), quantity.data(), price.shape(1)};
            };
            book_table(side(bid_price, bid_quantity), side(ask_price, ask_quantity), n, ranges_bp.data(),
                       ranges_bp.shape(0), out.data());
            return numpy(std::move(out), {n, width});
        },
        "bid_price"_a, "bid_quantity"_a, "ask_price"_a, "ask_quantity"_a, "ranges_bp"_a);
    m.def(
        "replay_portfolio",
        [](const std::vector<std::tuple<Bars, Bytes, Bytes, Costs, double, double>>& columns, double equity,
           std::tuple<double, double, double> limits) {
            std::vector<Book> books;
            for (const auto& [bars, trades, events, costs, lot, leverage] : columns)
                books.push_back({costs, lot, leverage, bars.view(), bars.count(),
                                 reinterpret_cast<const Trade*>(trades.data()),
                                 static_cast<std::int64_t>(trades.shape(0) / sizeof(Trade)),
                                 reinterpret_cast<const Event*>(events.data()),
                                 static_cast<std::int64_t>(events.shape(0) / sizeof(Event))});
            Account out;
            {
                nb::gil_scoped_release release;
                out = Portfolio(books, equity, {std::get<0>(limits), std::get<1>(limits), std::get<2>(limits)}).run();
            }
            return std::tuple(bytes_of(std::move(out.sizes)), bytes_of(std::move(out.path)));
        },
        "books"_a, "equity"_a, "limits"_a);
}

}  // namespace ratchet
